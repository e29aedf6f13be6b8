# make demo    check the example script and name the report
# make test    lint, type-check, test
# make quick   the tests without the slow ones
# make bench   the benchmarks; ratios only

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
OUT    ?= trainloud-out
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Tests run many small programs side by side: one thread each.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

.PHONY: demo test quick lint bench clean

demo: $(VENV)/.installed
	@$(BIN)/trainloud check --out $(OUT) examples/digits.py; code=$$?; \
	if [ $$code -gt 1 ]; then echo "trainloud check ended with exit code $$code" >&2; exit $$code; fi; \
	test -s $(OUT)/report.html && echo "The report: $(abspath $(OUT))/report.html"

test: lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS)

quick: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) -m "not slow"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	@for b in bench/*.py; do echo "== $$b"; OMP_NUM_THREADS=1 $(BIN)/python $$b || exit 1; done

clean:
	rm -rf $(VENV) $(OUT)

# The stamps are reused as long as what they were made from is unchanged. torch goes in first and alone, so
# that nothing which depends on it can choose another build.
$(VENV)/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --constraint constraints.txt torch
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.torch pyproject.toml
	$(PIP) --constraint constraints.txt --editable ".[dev]"
	@touch $@ $(VENV)/.installed
