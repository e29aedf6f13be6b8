"""After loading a checkpoint, did the optimiser and the schedule go on where they were?

Why it matters: moments start at zero and Adam's first steps after a resume are as long as the rate whatever the
gradient; a schedule starts at its warm-up or peak again. The loss jumps; it is not the run that was
interrupted.

Remedy: load all that was saved: `optimizer.load_state_dict(...)`, `scheduler.load_state_dict(...)`, the scaler's state
and the step counter, before training goes on.

Known limits: using only the weights of a checkpoint is right for fine-tuning; so only a file whose optimiser had the
same settings and as many parameters as the one that trains on is taken for a resume. States in files that were not
read are not seen.

Source: PyTorch tutorials, "Saving and loading a general checkpoint".
"""

from trainloud.checks.objectives import close
from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint, Optimizer, Reading, Scheduler
from trainloud.core.trace import Trace

WHOLE = 0.99  # share of the model's elements that the load gave
SAME_WEIGHTS = 0.9  # share of the optimiser's parameters that were loaded
COMPARED = ("beta1", "beta2", "momentum", "weight_decay", "eps", "alpha")
LEAST_STEPS = 1


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    files = trace.all(Reading)
    loads = [c for c in trace.all(Checkpoint) if c.action == "load" and c.uids and c.matched >= WHOLE]
    if not files:
        if not trace.steps:
            return unknown("no optimiser step was seen")
        return passed("no file with the state of an optimiser or a schedule was read")
    groups = by_optimizer(trace)
    asked = 0
    for file in files:
        model = next((c for c in loads if c.step >= file.step), None)
        if model is None:
            continue
        for o in first_records(trace).values():
            if o.step < model.step or len(groups.get(o.optimizer, [])) < LEAST_STEPS or not _holds(o, model):
                continue
            asked += 1
            found = _moments(file, model, o, len(groups[o.optimizer])) or _schedule(trace, file, o)
            if found is not None:
                return found
    if not asked:
        return passed(f"{len(files)} file(s) with states were read, and no whole model from them was trained on")
    return passed(f"states of {len(files)} file(s) were given on, or belong to another training", asked=asked)


def _holds(o: Optimizer, model: Checkpoint) -> bool:
    return len(set(o.uids) & set(model.uids)) >= SAME_WEIGHTS * max(len(o.uids), 1)


def _moments(file: Reading, model: Checkpoint, o: Optimizer, steps: int) -> Finding | None:
    """The file has moments of such an optimiser, and this one began without any."""
    if not file.elements or not o.empty or not o.stateful or file.parameters != len(o.uids):
        return None
    both = [k for k in COMPARED if k in file.settings and k in o.settings]
    if len(file.settings) < 2 or any(not close(file.settings[k], o.settings[k]) for k in both):
        return None
    same_rate = close(file.settings.get("lr", 0.0), o.settings.get("lr", -1.0))
    count = f" after {file.steps:.0f} steps" if file.steps else ""
    return fired(
        f"the file read here holds the state of an optimiser over {file.parameters} parameters{count} "
        f"({file.elements} numbers); the model took its weights from it ({model.matched:.0%}), and {o.kind} made "
        f"{steps} further steps that began with an empty state",
        "the optimiser's state loaded together with the weights",
        file.where,
        first_step=o.step,
        severity="warning" if same_rate else "note",
        parameters=file.parameters,
        state_steps=file.steps,
        steps=steps,
    )


def _schedule(trace: Trace, file: Reading, o: Optimizer) -> Finding | None:
    """The optimiser's state was given back, and its schedule begins anew."""
    if file.schedule < 1 or o.empty or not file.elements:
        return None
    last = {s.scheduler: s for s in trace.all(Scheduler) if s.optimizer == o.optimizer}
    anew = [s for s in last.values() if s.calls and not s.loaded and s.start <= 0 and s.early_calls <= 1]
    if len(anew) != len(last) or not anew:
        return None
    s = anew[0]
    return fired(
        f"the file read here holds a schedule at its count {file.schedule}; the optimiser got its state back, and "
        f"{s.kind} began at {s.start} and was stepped {s.calls} times",
        f"a schedule that goes on at {file.schedule}",
        s.where,
        first_step=o.step,
        count=file.schedule,
        calls=s.calls,
    )


CHECK = Check(
    fault="resume-state-lost",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("optimizer-recreated-each-epoch", "learning-rate-too-high"),
)


def bad() -> None:
    import tempfile

    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    folder = tempfile.mkdtemp()

    def train(epochs, resume):
        net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        if resume:
            saved = torch.load(folder + "/last.pt")
            net.load_state_dict(saved["model"])
        for _ in range(epochs):
            for rows in torch.randperm(200).split(20):
                loss = nn.functional.mse_loss(net(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, folder + "/last.pt")

    train(2, resume=False)
    train(2, resume=True)


def good() -> None:
    import tempfile

    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    folder = tempfile.mkdtemp()

    def train(epochs, resume):
        net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        if resume:
            saved = torch.load(folder + "/last.pt")
            net.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
        for _ in range(epochs):
            for rows in torch.randperm(200).split(20):
                loss = nn.functional.mse_loss(net(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, folder + "/last.pt")

    train(2, resume=False)
    train(2, resume=True)
