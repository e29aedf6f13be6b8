"""Tables of every form as they are read: what they are taken for, what was wrong with their lines, how parts join."""

import bz2
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import open_dataset
from trainloud.data.sources.tables import feed
from trainloud.data.sources.tables.lines import MOST_COLUMNS
from trainloud.data.sources.tables.named_parts import family_of, split_of

ROWS = [f"{i},{i * 7 % 13},{'yes' if i % 2 else 'no'}" for i in range(60)]
TABLE = "a,b,c\n" + "\n".join(ROWS) + "\n"


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Dataset]:
    """`opened(content, name, **asked)`: the data set of a file with this content."""

    def make(content: str | bytes, name: str = "t.csv", limits: Limits | None = None, **asked: object) -> Dataset:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_dataset(path, Asked(**asked), limits or Limits())  # type: ignore[arg-type]

    return make


Open = Callable[..., Dataset]


def column(data: Dataset, name: str) -> list:
    return data.table.column(name).to_pylist()


# how it is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, name, form, width",
    [
        (TABLE, "t.csv", "CSV, separator ',', header", 3),
        (TABLE.replace(",", "\t"), "t.tsv", "TSV, header", 3),
        (TABLE.replace(",", "\t"), "t.csv", "TSV, header", 3),
        (TABLE.replace(",", ";"), "t.csv", "CSV, separator ';', header", 3),
        (TABLE.replace(",", "|"), "t.txt", "CSV, separator '|', header", 3),
        (TABLE.replace(",", "::"), "t.dat", "CSV, separator '::', header", 3),
        (TABLE.replace(",", "   "), "t.data", "CSV, separator blanks, header", 3),
        ("\n".join(ROWS), "t.csv", "CSV, separator ',', no header", 3),
        ("x\n" + "\n".join(str(i) for i in range(20)), "t.csv", "CSV, one column, header", 1),
        (TABLE.replace("\n", "\r\n"), "t.csv", "CSV, separator ',', header", 3),
        (TABLE.replace("\n", "\r"), "t.csv", "CSV, separator ',', header", 3),
        (TABLE.replace("\n", "\r\n", 20).replace("\n", "\r", 10), "t.csv", "CSV, separator ',', header", 3),
        ("sep=;\n" + TABLE.replace(",", ";"), "t.csv", "CSV, separator ';', header", 3),
        (TABLE.encode("utf-16"), "t.csv", "CSV, separator ',', header, utf-16-le", 3),
        (TABLE.encode("utf-16-be"), "t.csv", "CSV, separator ',', header, utf-16-be", 3),
        (b"\xef\xbb\xbf" + TABLE.encode(), "t.csv", "CSV, separator ',', header", 3),
        (gzip.compress(TABLE.encode(), mtime=0), "t.csv.gz", "CSV, separator ',', header, gzip", 3),
        (bz2.compress(TABLE.encode()), "t.csv.bz2", "CSV, separator ',', header, bz2", 3),
        (lzma.compress(TABLE.encode()), "t.csv.xz", "CSV, separator ',', header, xz", 3),
    ],
)
def test_form_is_recognised(opened: Open, content: str | bytes, name: str, form: str, width: int) -> None:
    data = opened(content, name)
    assert data.recognised.form == form
    assert data.table.num_columns == width and len(data) == (20 if width == 1 else 60)
    first = data.table.column_names[0]
    assert first == {1: "x", 3: "a"}[width] if ", header" in form else first == "column 0"
    assert column(data, first)[:3] == [0, 1, 2]


def test_zst(opened: Open) -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(TABLE.encode())
    assert len(opened(sink.getvalue().to_pybytes(), "t.csv.zst")) == 60


def test_semicolons_with_decimal_commas(opened: Open) -> None:
    data = opened("".join(f"{i},5;{i},25;{i},7\n" for i in range(60)))
    assert data.recognised.form == "CSV, separator ';', no header"
    assert column(data, "column 1")[3] == 3.25
    assert "column 1: numbers with a decimal comma" in data.notes


def test_prose_is_no_table(opened: Open) -> None:
    text = "It was the best, of times.\nIt was the worst, of times, too.\nFoo, bar.\n" * 10
    assert opened(text, "t.txt").recognised.kind == "characters"
    even = "".join(f"Over the hills and far away, verse {i}\n" for i in range(60))
    assert opened(even, "t.txt").recognised.kind == "characters", "each line has one comma, and is a sentence"
    letters = "".join(f"{'pe'[i % 2]},{'xsn'[i % 3]},{'yn'[i % 2]}\n" for i in range(60))
    assert opened(letters, "t.data").recognised.kind == "table"


def test_a_wrong_guess_is_overridden(opened: Open) -> None:
    even = "".join(f"Over the hills and far away, verse {i}\n" for i in range(60))
    assert opened(even, "t.txt", separator=",").table.num_columns == 2
    assert opened(even, "t.txt", kind="table").recognised.kind == "table"
    with pytest.raises(SourceError, match="no line has the separator ';'"):
        opened(TABLE, separator=";")


@pytest.mark.parametrize(
    "content, header",
    [
        ("label," + ",".join(map(str, range(9))) + "\n" + "3,1,2,3,4,5,6,7,8,9\n" * 5, True),
        ("1,2,x\n3,4,y\n", False),
        ("name,city\nBob,Paris\nAl,Rome\n", True),
        ("emma\nava\nzoe\n" * 3, False),
        (",a,b\n0,1,2\n1,3,4\n", True),
        ("2019,2020\n1,2\n3,4\n", False),
        ("word,kind\n" + "dog,noun\nrun,verb\ncat,noun\n" * 9, True),
        ("dog,noun\nrun,verb\ncat,noun\n" * 9, False),
    ],
)
def test_header_is_told_from_the_rows(opened: Open, content: str, header: bool) -> None:
    data = opened(content)
    assert ("no header" in data.recognised.form) != header
    assert header or any(n.startswith("no header: ") and "--header overrides" in n for n in data.notes)


def test_header_is_as_asked(opened: Open) -> None:
    assert opened("1,2\n3,4\n", header=True).table.column_names == ["1", "2"]
    assert len(opened(TABLE, header=False)) == 61


def test_quotes(opened: Open) -> None:
    rows = "".join(f'{i},"one, ""two""\n\nthree {i}",{i % 2}\n' for i in range(30))
    data = opened("id,t,v\n" + rows)
    assert len(data) == 30 and column(data, "t")[4] == 'one, "two"\n\nthree 4'
    assert [data.name_of(i) for i in (0, 1, 29)] == ["t.csv:2", "t.csv:5", "t.csv:89"]


def test_escaped_and_spaced_quotes(opened: Open) -> None:
    escaped = opened("id,t,v\n" + "".join(f'{i},"say \\"hi, you\\" {i}",{i % 2}\n' for i in range(30)))
    assert column(escaped, "t")[2] == 'say "hi, you" 2'
    spaced = opened("id, t, v\n" + "".join(f'{i}, "Smith, John {i}", {i % 2}\n' for i in range(30)))
    assert column(spaced, "t")[2] == "Smith, John 2"


def test_quotes_that_are_letters(opened: Open) -> None:
    rows = [f"ham\tmessage {i} is one" for i in range(40)]
    rows[3], rows[9], rows[12] = 'ham\t"open and not closed', 'spam\tsays "hello" to you', 'ham\t"all of it"'
    data = opened("Label\tText\n" + "\n".join(rows) + "\n", "t.tsv")
    assert len(data) == 40 and "quotes are letters" in data.recognised.form
    assert column(data, "Text")[3] == '"open and not closed' and column(data, "Text")[12] == '"all of it"'


def test_a_quote_far_below_that_would_swallow_lines(opened: Open) -> None:
    rows = [f"{i}\tword{i}" for i in range(60_000)]
    rows[50_000], rows[50_900] = '50000\t"open', '50900\tclosed"'
    data = opened("a\tb\n" + "\n".join(rows) + "\n", "t.tsv")
    assert len(data) == 60_000
    assert any("quotes are taken for letters" in n for n in data.notes)


def test_what_stands_above_the_table(opened: Open) -> None:
    commented = opened("# made by x\n# more\n" + TABLE.replace("\n3,", "\n# mid\n3,"))
    assert len(commented) == 60 and "2 comment lines above the table left out" in commented.notes
    assert [(t.kind, t.name) for t in commented.troubles] == [("comment-line", "t.csv:7")]
    assert commented.name_of(0) == "t.csv:4" and commented.name_of(3) == "t.csv:8"
    above = opened("Report of 2020\n\n" + TABLE)
    assert [(t.kind, t.name) for t in above.troubles] == [("preamble", "t.csv:1")]
    assert above.name_of(0) == "t.csv:4"
    saved = opened("# a b c\n" + "".join(f"{i}  {i / 3:.5f}   {i * i}\n" for i in range(50)), "t.txt")
    assert saved.table.column_names == ["a", "b", "c"] and column(saved, "c")[7] == 49


def test_header_of_another_width(opened: Open) -> None:
    names = opened("a,b,c\n" + "".join(f"r{i},{i},{i + 1},{i * 2}\n" for i in range(30)))
    assert names.table.column_names == ["row", "a", "b", "c"]
    trailing = opened("a,b,c\n" + "".join(f"{i},{i + 1},{i * 2},\n" for i in range(30)))
    assert trailing.table.column_names == ["a", "b", "c"]
    short = opened("a,b\n" + "".join(f"{i},{i + 1},{i * 2},{i}\n" for i in range(30)))
    assert short.table.column_names == ["a", "b", "column 2", "column 3"]
    assert short.troubles[0].what == "the header has 2 cells, most rows have 4"


# what is wrong with it ----------------------------------------------------------------------------------------------


def test_ragged_rows_are_kept_out_and_told_by_line(opened: Open) -> None:
    rows = ROWS.copy()
    rows[10:10] = ["1,2", "3,4,5,6", "", "   "]
    data = opened("a,b,c\n" + "\n".join(rows))
    assert len(data) == 60
    assert [(t.kind, t.name, t.what) for t in data.troubles] == [
        ("ragged-row", "t.csv:12", "2 cells, the others have 3; kept out: '1,2'"),
        ("ragged-row", "t.csv:13", "4 cells, the others have 3; kept out: '3,4,5,6'"),
    ]
    assert data.name_of(9) == "t.csv:11" and data.name_of(10) == "t.csv:16" and data.name_of(59) == "t.csv:65"
    assert "empty lines between the rows are no rows: 1" in data.notes


def test_lines_are_right_in_random_files(tmp_path: Path) -> None:
    """Blank lines, ragged rows and quoted line ends anywhere: every row keeps the number of its line."""
    for seed in range(60):
        r = random.Random(seed)
        text, line, where = "id,text,v\n", 2, []
        for i in range(r.randint(3, 40)):
            if r.random() < 0.1:
                text, line = text + "\n", line + 1
            if r.random() < 0.05:
                text, line = text + "1,2\n", line + 1
            if r.random() < 0.05:
                text, line = text + 'x,"q\n\nq",3,4\n', line + 3
            cell = f"w{i}"
            if r.random() < 0.2:
                cell = '"' + "\n".join(["a"] + [""] * r.randint(0, 2) + ["b, c"]) + '"'
            where.append(f"{seed}.csv:{line}")
            row = f"{i},{cell},{i}\n"
            text, line = text + row, line + row.count("\n")
        path = tmp_path / f"{seed}.csv"
        path.write_text(text)
        data = open_dataset(path, Asked(), Limits())
        assert column(data, "id") == list(range(len(where)))
        assert [data.name_of(i) for i in range(len(data))] == where


def test_cells_are_what_pandas_reads(opened: Open, tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": r.normal(size=500),
            "n": r.integers(-5, 5, 500),
            "w": r.choice(['say "a"', "b,c", "d\ne", "é", "plain"], 500),
        }
    )
    data = opened(frame.to_csv(index=False))
    assert data.table.column("x").to_numpy().tolist() == frame["x"].tolist()
    assert data.table.column("n").to_numpy().tolist() == frame["n"].tolist()
    assert column(data, "w") == frame["w"].tolist()


def test_other_encodings(opened: Open) -> None:
    content = "name,n\nJosé,1\n".encode() + "Jörg,2\n".encode("latin-1") + "Ünal,3\n".encode()
    data = opened(content)
    assert column(data, "name") == ["José", "Jörg", "Ünal"], "both encodings of one file are read"
    (trouble,) = data.troubles
    assert (trouble.kind, trouble.name) == ("encoding", "t.csv:3")
    assert trouble.what == "1 byte is not UTF-8 and read as Windows-1252; --encoding overrides"
    assert column(opened("name,n\nПривет,1\n".encode("koi8-r"), encoding="koi8-r"), "name") == ["Привет"]


def test_nul_bytes_are_removed_and_said(opened: Open) -> None:
    data = opened("a,b,c\n1,\x002,x\n" + "\n".join(ROWS) + "\n")
    assert column(data, "b")[0] == 2
    assert [(t.kind, t.what) for t in data.troubles] == [("nul-bytes", "1 NUL byte removed")]


@pytest.mark.parametrize(
    "content, name, what",
    [
        (gzip.compress(TABLE.encode(), mtime=0), "t.csv", "named .csv, is gzip-compressed"),
        (TABLE, "t.csv.gz", "named .gz, is plain"),
    ],
)
def test_wrong_suffix(opened: Open, content: str | bytes, name: str, what: str) -> None:
    data = opened(content, name)
    assert len(data) == 60
    assert [(t.kind, t.what) for t in data.troubles] == [("wrong-suffix", what)]


def test_truncated_gzip_keeps_what_came_before(opened: Open) -> None:
    whole = gzip.compress(("a,b,c\n" + "\n".join(ROWS * 300)).encode(), 1)
    data = opened(whole[: len(whole) // 2], "t.csv.gz")
    assert 1000 < len(data) < 18_000
    (trouble,) = data.troubles
    assert trouble.kind == "truncated" and "the rows before are kept" in trouble.what
    assert column(data, "a")[-1] == (len(data) - 1) % 60, "the last row is a whole one"


@pytest.mark.parametrize(
    "content, name, message",
    [
        ("", "t.csv", "t.csv: the file is empty"),
        ("\n \n\n", "t.csv", "white space only"),
        ("a,b,c\n", "t.csv", "holds a header and no rows"),
        ("a,b,c", "t.csv", "holds a header and no rows"),
        (bytes(5000), "t.csv", "100% of its first characters are control characters: this is no text"),
        (np.random.default_rng(0).bytes(20_000), "t.csv", "control characters: this is no text"),
        (gzip.compress(b"", mtime=0)[:6], "t.csv.gz", "cannot be read"),
        ("x" * 2000 + "\n1,2\n3,4,5\n6\n7,8,9,1\n1,2,3,4,5\n" * 9, "t.tsv", ""),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(opened: Open, content: str | bytes, name: str, message: str) -> None:
    if not message:
        assert len(opened(content, name)) > 0
        return
    with pytest.raises(SourceError, match=message) as raised:
        opened(content, name)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_mostly_ragged_is_no_table(opened: Open) -> None:
    rows = "\n".join(",".join("1" * (3 + i % 5)) for i in range(100))
    with pytest.raises(SourceError, match=r"of 10\d rows do not have 3 cells .*--separator overrides"):
        opened("a,b,c\n" * 3 + rows, separator=",", header=True)


def test_too_many_columns_are_found_in_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join("abc" for _ in range(1_000_000)) + "\n")
    with pytest.raises(
        SourceError, match=f"cells and more; trainloud reads tables of at most {MOST_COLUMNS:,} columns"
    ):
        open_dataset(path, Asked(), Limits())


def test_bomb_is_not_set_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BOMB_FROM", 8 << 20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (8 << 20)))
    with pytest.raises(SourceError, match=f"over {feed.BOMB_RATIO} times is no table but a decompression bomb"):
        open_dataset(path, Asked(), Limits())


def test_long_cells(opened: Open) -> None:
    data = opened("a,b\n1," + "x" * (3 << 20) + "\n2,y\n")
    assert len(data) == 2 and len(column(data, "b")[0]) == 3 << 20


def test_names_of_columns(opened: Open) -> None:
    data = opened("a\x1b[31m,<b>x</b>,a,a,\n1,2,3,4,5\n6,7,8,9,10\n")
    assert data.table.column_names == ["a\\x1b[31m", "<b>x</b>", "a", "a (2)", "column 4"]
    assert {t.kind for t in data.troubles} == {"control-characters", "duplicate-column"}


def test_one_row_one_column_and_missing_ones(opened: Open) -> None:
    assert len(opened("a,b\n1,2")) == 1
    assert len(opened("1,2,3")) == 1
    missing = opened("a,b,c\n" + "".join(f"{i},,NA\n" for i in range(50)))
    assert missing.facts["b"].blank == 50 and missing.facts["c"].disguised == {"NA": 50}
    assert missing.table.column("b").null_count == 0 and np.isnan(missing.table.column("b").to_numpy()).all()


def test_large_tables_go_to_disk_and_are_the_same(opened: Open) -> None:
    text = "id,x,w,t\n" + "".join(f"{i},{i / 7:.3f},w{i % 5},name {i} of a long list of names\n" for i in range(5000))
    held, mapped = opened(text), opened(text, limits=Limits(memory=1 << 18))
    assert held.table.equals(mapped.table) and held.cells.equals(mapped.cells)
    assert mapped.table.column("x").num_chunks == 1


def test_20_000_columns(opened: Open) -> None:
    names = ",".join(f"g{i}" for i in range(20_000))
    data = opened(names + "\n" + "\n".join(",".join([str(r)] * 20_000) for r in range(4)) + "\n")
    assert data.table.num_columns == 20_000 and column(data, "g19999") == [0, 1, 2, 3]


# target, task, kind -------------------------------------------------------------------------------------------------


def test_target_as_asked(opened: Open) -> None:
    assert opened(TABLE, target="c").recognised.task == "classes"
    assert opened(TABLE, target="C").recognised.target == "c"
    assert opened(TABLE, target="-2").recognised.target == "b"
    assert opened("\n".join(ROWS), target="0").recognised.target == "column 0"
    with pytest.raises(SourceError, match="--target d: there is no such column; there are a, b, c"):
        opened(TABLE, target="d")
    with pytest.raises(SourceError, match="--time when"):
        opened(TABLE, time="when")
    with pytest.raises(SourceError, match="--group patient"):
        opened(TABLE, group="patient")


def test_target_by_name_or_place_or_none(opened: Open) -> None:
    assert opened(TABLE.replace("a,b,c", "a,label,c", 1)).recognised.target == "label"
    assert opened(TABLE.replace("a,b,c", "a,b,class", 1)).recognised.target == "class"
    assert opened(TABLE.replace("a,b,c", "a,class,c", 1)).recognised.target == "", "a class of travel, in the middle"
    none = opened(TABLE).recognised
    assert (none.target, none.task) == ("", "none") and "--target NAME names it" in none.why
    last = opened("\n".join(ROWS)).recognised
    assert last.target == "column 2" and "the last column, as there is no header" in last.why
    assert opened("\n".join(ROWS), task="none").recognised.target == ""


def test_whole_numbers_that_repeat_are_classes(opened: Open) -> None:
    grades = "x,y\n" + "".join(f"{i / 3},{i % 6 + 3}\n" for i in range(60))
    data = opened(grades)
    assert data.recognised.task == "classes" and data.roles["y"] == "category"
    assert column(data, "y")[:2] == ["3", "4"]
    assert "its 6 whole numbers, each there twice or more, are classes; --task number" in data.recognised.why
    assert opened(grades, task="number").roles["y"] == "number"
    assert opened(grades + "1,99\n").recognised.task == "number", "one of them is there once"
    assert opened("x,y\n" + "".join(f"1,{i}.5\n" for i in range(9)) * 3).recognised.task == "number"
    with pytest.raises(SourceError, match="the target 'c' is no number: it holds 'no'"):
        opened(TABLE, target="c", task="number")


def test_target_that_holds_nothing(opened: Open) -> None:
    told = opened("a,target\n" + "".join(f"{i},\n" for i in range(50))).recognised
    assert told.target == "" and "it holds nothing" in told.why
    partly = opened("a,target\n" + "".join(f"{i},{'nan' if i % 3 else i / 2}\n" for i in range(50)))
    assert partly.recognised.task == "number" and np.isnan(partly.table.column("target").to_numpy()).sum() == 33


WORDS = ["the storm came over the hills and stayed", "nobody knew what the letter had said to him"]


def test_tables_of_texts(opened: Open) -> None:
    rows = [f"{i % 3 + 1},short title number {i} here,{WORDS[i % 2]} {i}" for i in range(60)]
    data = opened("\n".join(rows))
    assert (data.recognised.kind, data.recognised.target, data.text) == ("text", "column 0", "column 1 + column 2")
    assert column(data, data.text)[1] == f"short title number 1 here\n{WORDS[1]} 1"
    assert list(data.roles) == data.table.column_names == ["column 0", "column 1 + column 2"]
    assert opened("\n".join(rows), kind="table").recognised.kind == "table"
    wide = opened("\n".join(r + ",1,2,3,4,5,6" for r in rows))
    assert wide.recognised.kind == "table" and "text" in wide.roles.values()


def hours(n: int, step: str = "h") -> list[str]:
    return [str(np.datetime64("2016-07-01T00", step) + i).replace("T", " ") for i in range(n)]


def test_steps_in_time_are_series(opened: Open) -> None:
    rows = "".join(f"{t}:00:00,{i % 7},{i * 1.5}\n" for i, t in enumerate(hours(100)))
    told = opened("date,load,temp\n" + rows).recognised
    assert (told.kind, told.task, told.target, told.time) == ("series", "forecast", "temp", "date")
    assert "'date' rises by 1 hour from row to row" in told.why and "the last column of numbers" in told.why
    assert opened("date,load,temp\n" + rows, target="load").recognised.target == "load"
    assert opened("date,load,temp\n" + rows, kind="table", target="load").recognised.kind == "table"


def test_business_days_and_months_are_regular(opened: Open) -> None:
    days = [d for d in np.arange("2020-01-01", "2020-06-01", dtype="M8[D]") if np.is_busday(d)]
    assert (
        opened("day,close\n" + "".join(f"{d},{i * 1.1:.2f}\n" for i, d in enumerate(days))).recognised.kind == "series"
    )
    months = np.arange("2010-01", "2014-01", dtype="M8[M]").astype("M8[D]")
    assert opened("m,v\n" + "".join(f"{d},{i * 1.1:.2f}\n" for i, d in enumerate(months))).recognised.kind == "series"


def test_year_month_day_hour_together(opened: Open) -> None:
    rows = ((t, i) for i, t in enumerate(np.datetime64("2010-01-30T00") + np.arange(90)))
    lines = [f"{t.item():%Y,%m,%d,%H},{i * 0.5}" for t, i in rows]
    data = opened("year,month,day,hour,pm\n" + "\n".join(lines))
    assert data.recognised.kind == "series" and data.recognised.time == "year month day hour"
    assert str(column(data, "year month day hour")[-1]) == "2010-02-02 17:00:00"


@pytest.mark.parametrize("how", ["irregular", "repeated", "classes"])
def test_times_alone_make_no_series(opened: Open, how: str) -> None:
    times = [f"{t}:00:00" for t in hours(80)]
    if how == "irregular":
        times = [f"2016-07-{1 + i // 4:02d} {(i * i) % 6 + i % 4 * 6:02d}:00:00" for i in range(80)]
    if how == "repeated":
        times = [t for t in times[:40] for _ in range(2)]
    label = ["up", "down"] if how == "classes" else ["1.5", "2.5"]
    rows = "".join(f"{t},{i % 9},{label[i % 2]}\n" for i, t in enumerate(times))
    told = opened("when,x,target\n" + rows).recognised
    assert (told.kind, told.time) == ("table", "when")


# parts --------------------------------------------------------------------------------------------------------------


def parts(tmp_path: Path, train: str, test: str, **asked: object) -> Dataset:
    (tmp_path / "a.csv").write_text(train)
    (tmp_path / "b.csv").write_text(test)
    return open_dataset(tmp_path / "a.csv", Asked(**asked), Limits(), test=tmp_path / "b.csv")  # type: ignore[arg-type]


def test_parts_keep_their_words(tmp_path: Path) -> None:
    train = "\n".join(f"{i}, {'<=50K' if i % 3 else '>50K'}" for i in range(30))
    data = parts(tmp_path, train, train.replace("50K", "50K."))
    assert data.splits == ("train", "test") and (data.split == np.repeat([0, 1], 30)).all()
    assert set(column(data, "column 1")) == {"<=50K", ">50K", "<=50K.", ">50K."}
    assert data.name_of(29) == "a.csv:30" and data.name_of(30) == "b.csv:1"
    assert data.facts["column 1"].padded == 60


def test_test_part_without_the_target(tmp_path: Path) -> None:
    data = parts(tmp_path, TABLE, "\n".join(r.rsplit(",", 1)[0] for r in TABLE.splitlines()), target="c")
    assert data.table.column("c").null_count == 60 and data.troubles == ()
    bare = "\n".join(ROWS)
    headless = parts(tmp_path, bare, "\n".join(r.rsplit(",", 1)[0] for r in ROWS))
    assert headless.table.column("column 2").null_count == 60
    first = parts(tmp_path, bare, "\n".join(r.split(",", 1)[1] for r in ROWS), target="0", task="number")
    assert column(first, "column 1")[60:63] == [0, 7, 1] and np.isnan(column(first, "column 0")[60])


def test_parts_with_and_without_header(tmp_path: Path) -> None:
    data = parts(tmp_path, TABLE, "\n".join(ROWS[:9]))
    assert data.table.column_names == ["a", "b", "c"] and column(data, "a")[60:62] == [0, 1]
    data = parts(tmp_path, TABLE, "\n".join(["c,a,b", *(f"{c},{a},{b}" for a, b, c in (r.split(",") for r in ROWS))]))
    assert column(data, "a")[60:62] == [0, 1], "by name, whatever their order"


def test_numbers_here_and_words_there(tmp_path: Path) -> None:
    words = "a,b,c\n" + "\n".join(f"{i},x{i % 4},no" for i in range(20))
    data = parts(tmp_path, TABLE, words)
    assert data.roles["b"] == "category" and column(data, "b")[1] == "7" and column(data, "b")[61] == "x1"
    assert "b: number in train, category in test: taken as category in all" in data.notes
    assert data.table.column("b").null_count == 0, "no cell is lost"


def test_dates_that_one_part_alone_leaves_open(tmp_path: Path) -> None:
    train = "d,v\n" + "\n".join(f"{i % 28 + 1}/{i % 12 + 1}/2011,{i}" for i in range(60))
    test = "d,v\n" + "\n".join(f"{i % 5 + 1}/{i % 9 + 1}/2011,{i}" for i in range(20))
    data = parts(tmp_path, train, test)
    assert data.roles["d"] == "time" and data.table.column("d").null_count == 0


def test_parts_that_do_not_fit(tmp_path: Path) -> None:
    extra = parts(tmp_path, TABLE, TABLE.replace("a,b,c", "a,b,z", 1))
    assert [(t.kind, t.name, t.what) for t in extra.troubles] == [
        ("column-mismatch", "test", "column 'z' is not in the first part: left out"),
        ("column-mismatch", "test", "column 'c' of the first part is not there: all its cells are missing"),
    ]
    with pytest.raises(SourceError, match="test has none of the 3 columns of the first part: p, q, r"):
        parts(tmp_path, TABLE, TABLE.replace("a,b,c", "p,q,r", 1))


def test_target_of_numbers_here_and_words_there(tmp_path: Path) -> None:
    train = "x,y\n" + "".join(f"{i},{i / 3}\n" for i in range(30))
    with pytest.raises(SourceError, match="the target 'y' is numbers in train and category in another part"):
        parts(tmp_path, train, "x,y\n" + "".join(f"{i},high\n" for i in range(30)))


# folders, Parquet, Arrow, memory ------------------------------------------------------------------------------------


def test_names_of_files() -> None:
    assert split_of("adult_train.csv.gz") == "train" and family_of("adult_train.csv.gz") == "adult"
    assert split_of("test/part-0.csv") == "test" and split_of("data/validation-00000-of-00002.parquet") == "val"
    assert split_of("winequality-red.csv") == "" and split_of("trainTest.csv") == ""
    assert family_of("data_1.csv") == family_of("data_12.csv") == "data"


def test_folder_with_parts(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / "test.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "sample_submission.csv").write_text("id,c\n1,no\n")
    data = open_dataset(tmp_path, Asked(target="c"), Limits())
    assert data.splits == ("train", "test") and len(data) == 62
    assert [(t.kind, t.name) for t in data.troubles] == [("stray-file", "sample_submission.csv")]
    alone = open_dataset(tmp_path / "train.csv", Asked(target="c"), Limits())
    assert len(alone) == 60 and "test.csv lies beside it and was not read: name it with --test" in alone.notes
    both = open_dataset(tmp_path / "train.csv", Asked(target="c"), Limits(), test=tmp_path / "test.csv")
    assert not any("lies beside" in n for n in both.notes)


def test_folder_of_shards_and_of_anything(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"part-{i}.csv").write_text("a,b\n" + f"{i},x\n" * 5)
    shards = open_dataset(tmp_path, Asked(), Limits())
    assert shards.splits == ("",) and column(shards, "a") == [0] * 5 + [1] * 5 + [2] * 5
    (tmp_path / "people.csv").write_text(TABLE)
    with pytest.raises(SourceError, match=r"4 tables, and their names do not say which belong together: name one of"):
        open_dataset(tmp_path, Asked(), Limits())


FRAME = pd.DataFrame(
    {
        "x": [1.5, None, 2.5] * 20,
        "n": np.arange(60),
        "w": ["a", "?", None] * 20,
        "flag": [True, False, None] * 20,
        "when": pd.date_range("2020-01-01", periods=60, freq="9h"),
        "kind": pd.Categorical(["u", "v", "u"] * 20),
        "label": [0, 1, 1] * 20,
    }
)
ROLES = ["number", "number", "category", "category", "time", "category", "category"]


def checked(data: Dataset) -> None:
    assert list(data.roles.values()) == ROLES and data.recognised.target == "label"
    assert column(data, "flag")[:3] == ["True", "False", None] and column(data, "w")[:3] == ["a", None, None]
    assert data.facts["w"].disguised == {"?": len(data) // 3} and np.isnan(column(data, "x")[1])


def test_frames_in_memory() -> None:
    checked(open_dataset(FRAME, Asked(), Limits()))
    checked(open_dataset(pa.Table.from_pandas(FRAME), Asked(), Limits()))
    split = open_dataset({"train": FRAME, "validation": FRAME[:9]}, Asked(), Limits())
    assert split.splits == ("train", "val") and len(split) == 69
    checked(split)
    columns = open_dataset({"a": np.arange(4), "b": ["x", "y", "x", "y"]}, Asked(target="b"), Limits())
    assert columns.recognised.task == "classes" and columns.name_of(2) == "row 2"
    mixed = open_dataset(pd.DataFrame({"m": [1, "x", None], "k": [1, 2, 3]}), Asked(), Limits())
    assert column(mixed, "m") == ["1", "x", None]
    other = FRAME.assign(n=FRAME["n"] + 1)
    assert open_dataset(FRAME, Asked(), Limits()).identity != open_dataset(other, Asked(), Limits()).identity


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.arrows", "t.feather"])
def test_columnar_files(tmp_path: Path, name: str) -> None:
    table, path = pa.Table.from_pandas(FRAME), tmp_path / name
    if name == "t.parquet":
        pq.write_table(table, path, row_group_size=17)
    else:
        maker = pa.ipc.new_stream if name == "t.arrows" else pa.ipc.new_file
        options = pa.ipc.IpcWriteOptions(compression="zstd" if name == "t.feather" else None)
        with maker(str(path), table.schema, options=options) as out:
            out.write_table(table, max_chunksize=17)
    data = open_dataset(path, Asked(), Limits(memory=1 << 16))
    checked(data)
    assert data.name_of(33) == f"{name}, row 33"
    path.rename(tmp_path / "t.bin") if name != "t.arrows" else None
    if name != "t.arrows":
        assert open_dataset(tmp_path / "t.bin", Asked(), Limits()).troubles[0].kind == "wrong-suffix"


def test_folder_of_parquet(tmp_path: Path) -> None:
    for name, rows in (("train-00000-of-00002", 60), ("train-00001-of-00002", 60), ("validation-00000-of-00001", 9)):
        pq.write_table(pa.Table.from_pandas(FRAME[:rows]), tmp_path / f"{name}.parquet")
    data = open_dataset(tmp_path, Asked(), Limits())
    checked(data)
    assert data.splits == ("train", "val") and [int((data.split == i).sum()) for i in (0, 1)] == [120, 9]
    assert data.name_of(61) == "train-00001-of-00002.parquet, row 1"


@pytest.mark.parametrize("content", [b"PAR1" + bytes(50), b"PAR1", b"ARROW1\0\0" + bytes(40), b"FEA1" + bytes(9)])
def test_broken_columnar_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"^t.parquet: (it cannot be read: |Feather version 1)"):
        open_dataset(tmp_path / "t.parquet", Asked(), Limits())


def png(value: int) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(held, "PNG")
    return held.getvalue()


def saved(folder: Path, columns: dict, features: dict) -> None:
    """What `save_to_disk` of the library `datasets` leaves."""
    folder.mkdir(parents=True)
    table = pa.table(columns)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as out:
        out.write_table(table)


def test_saved_data_sets(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    for split, n in (("train", 6), ("test", 4)):
        cells = [{"bytes": png(i), "path": None} for i in range(n)]
        cells[2] = {"bytes": None, "path": "../../../etc/passwd"}
        saved(tmp_path / split, {"image": cells, "label": [-1, *(i % 2 for i in range(1, n))]}, features)
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    data = open_dataset(tmp_path, Asked(), Limits())
    assert (data.recognised.kind, data.recognised.target, data.splits) == ("images", "label", ("train", "test"))
    assert column(data, "label")[:3] == [None, "dog", "cat"]
    assert len(data.pictures) == 10 and data.pictures.encoded(9) == png(3)
    with pytest.raises(OSError, match="outside of the data"):
        data.pictures.encoded(2)


def test_lists_and_structs(tmp_path: Path) -> None:
    table = pa.table(
        {
            "v": pa.array([[1.0, 2.0], [3.0, 4.0]] * 20),
            "words": pa.array([["a", "b"], ["c"]] * 20),
            "s": pa.array([{"p": 1, "q": "x"}, {"p": 2, "q": "y"}] * 20),
            "odd": pa.array([{"k": [[1]]}] * 40),
        }
    )
    data = open_dataset(table, Asked(), Limits())
    assert list(data.roles) == ["v[0]", "v[1]", "words", "s.p", "s.q"]
    assert column(data, "v[1]")[:2] == [2, 4] and column(data, "words")[0] == "a b"
    assert [t.kind for t in data.troubles] == ["unreadable"]
    series = open_dataset(pa.table({"x": [[1.0, 2.0, 3.0], [4.0]] * 9, "label": [0, 1] * 9}), Asked(), Limits())
    assert (series.recognised.kind, series.recognised.task) == ("series", "classes")
    assert series.series(1).tolist() == [[4.0]]


# the real ones ------------------------------------------------------------------------------------------------------

Shared = Callable[[str], Path]


@pytest.mark.parametrize(
    "name, kind, task, target, time, rows, columns",
    [
        ("tables/adult_train.csv.gz", "table", "classes", "column 14", "", 32_561, 15),
        ("tables/winequality-red.csv", "table", "classes", "column 11", "", 1_599, 12),
        ("tables/beijing_pm25.csv.gz", "series", "forecast", "Ir", "year month day hour", 43_824, 14),
        ("tables/bike_sharing_hour.csv", "table", "none", "", "dteday", 17_379, 17),
        ("tables/titanic_seaborn.csv", "table", "none", "", "", 891, 15),
        ("tables/nyc_taxis.csv", "table", "none", "", "pickup", 6_433, 14),
        ("tables/flights_200k.parquet", "table", "none", "", "", 200_000, 3),
        ("text/sms_spam.tsv", "text", "classes", "Label", "", 5_574, 2),
        ("text/ag_news_test.csv", "text", "classes", "column 0", "", 7_600, 2),
        ("sequence/ETTh1.csv", "series", "forecast", "OT", "date", 17_420, 8),
    ],
)
def test_real_tables(
    shared: Shared, name: str, kind: str, task: str, target: str, time: str, rows: int, columns: int
) -> None:
    data = open_dataset(shared(name), Asked(), Limits())
    told = data.recognised
    assert (told.kind, told.task, told.target, told.time) == (kind, task, target, time)
    assert (len(data), data.table.num_columns) == (rows, columns)
    assert data.troubles == ()


def test_missing_values_of_real_tables(shared: Shared) -> None:
    adult = open_dataset(
        shared("tables/adult_train.csv.gz"), Asked(), Limits(), test=shared("tables/adult_test.csv.gz")
    )
    assert sum(f.disguised.get("?", 0) for f in adult.facts.values()) == 4_262 + 2_203
    assert adult.name_of(32_561 + 17) == "adult_test.csv.gz:18"
    telco = open_dataset(shared("tables/telco_churn.csv"), Asked(target="Churn"), Limits())
    assert telco.roles["TotalCharges"] == "number" and telco.facts["TotalCharges"].blank == 11
    assert telco.roles["customerID"] == "category"
    beijing = open_dataset(shared("tables/beijing_pm25.csv.gz"), Asked(target="pm2.5"), Limits())
    assert beijing.facts["pm2.5"].disguised == {"NA": 2_067}
    sms = open_dataset(shared("text/sms_spam.tsv"), Asked(), Limits())
    assert len(sms) - len(set(column(sms, "SMS"))) == 403


def test_titanic_without_the_target_in_its_test_part(shared: Shared) -> None:
    train, test = shared("tables/titanic_kaggle_train.csv"), shared("tables/titanic_kaggle_test.csv")
    data = open_dataset(train, Asked(target="Survived"), Limits(), test=test)
    assert data.table.column("Survived").null_count == 418 and data.troubles == ()
    assert data.roles["Name"] == "text" and data.facts["Ticket"].numeric == 661 + 296
    assert sum(f.blank for f in data.facts.values()) == 866 + 414


@pytest.mark.slow
def test_kdd(shared: Shared) -> None:
    data = open_dataset(shared("tables/kddcup99_10_percent.csv.gz"), Asked(), Limits())
    assert (len(data), data.table.num_columns, data.recognised.target) == (494_021, 42, "column 41")
    assert len(set(column(data, "column 41"))) == 23


def test_a_part_without_most_features_is_another_table(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,c,target\n" + "1,2,3,x\n4,5,6,y\n" * 20)
    (tmp_path / "other.csv").write_text("p,q,a,target\n" + "1,2,3,x\n4,5,6,y\n" * 20)
    (tmp_path / "alike.csv").write_text("a,b,q,target\n" + "1,2,3,x\n4,5,6,y\n" * 20)
    train = tmp_path / "train.csv"
    with pytest.raises(
        SourceError, match="test lacks 2 of the 3 features of the first part: 'b', 'c'; it has 'p', 'q'"
    ):
        open_dataset(train, Asked(), Limits(), test=tmp_path / "other.csv")
    told = open_dataset(train, Asked(), Limits(), test=tmp_path / "alike.csv").troubles
    assert [t.what for t in told] == [
        "column 'q' is not in the first part: left out",
        "column 'c' of the first part is not there: all its cells are missing",
    ]


def test_rows_that_are_series_behind_their_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = np.linspace(0, 6, 80)
    for name, rows in (("a_TRAIN.tsv", 60), ("a_TEST.tsv", 40)):
        lines = []
        for i in range(rows):
            wave = np.sin(steps * (1 + i % 2) + rng.uniform(0, 6)) * rng.uniform(1, 2)
            lines.append("\t".join([str(1 + i % 2), *(f"{v:.5f}" for v in wave)]))
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    data = open_dataset(tmp_path / "a_TRAIN.tsv", Asked(kind="series"), Limits(), test=tmp_path / "a_TEST.tsv")
    told = data.recognised
    assert (told.kind, told.task, told.target, len(data)) == ("series", "classes", "column 0", 100)
    assert data.series is not None and data.series(99).shape == (1, 80) and list(data.roles) == ["column 0"]
    assert "each row is a series of up to 80 values behind its class" in told.why


def test_folder_of_records(tmp_path: Path) -> None:
    for split, rows in (("train", 40), ("test", 20)):
        lines = [json.dumps({"a": i, "label": "yn"[i % 2]}) for i in range(rows)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    data = open_dataset(tmp_path, Asked(), Limits())
    assert (len(data), data.splits, data.name_of(40)) == (60, ("train", "test"), "test.jsonl, record 1")


def test_refusals_name_a_way_out(tmp_path: Path) -> None:
    arrays, code = tmp_path / "arrays", tmp_path / "code"
    for label in "ab":
        (arrays / label).mkdir(parents=True)
        (code / label).mkdir(parents=True)
        for i in range(30):
            np.save(arrays / label / f"{i}.npy", np.zeros((4, 4, 4)))
            (code / label / f"{i}.py").write_text(f"def {label}{i}():\n    return {i}\n")
    with pytest.raises(SourceError, match="60 files of arrays lie below it: stack them into one"):
        open_dataset(arrays, Asked(), Limits())
    with pytest.raises(SourceError, match="60 files of source code lie below it: --kind text"):
        open_dataset(code, Asked(), Limits())
    data = open_dataset(code, Asked(kind="text"), Limits())
    assert (len(data), data.recognised.kind, data.recognised.task) == (60, "text", "classes")
    np.savez(tmp_path / "v.npz", x=np.zeros((20, 24, 24, 24)), y=np.arange(20) % 2)
    with pytest.raises(SourceError, match=r"known are pictures \(n, height, width\).*of volumes name slices"):
        open_dataset(tmp_path / "v.npz", Asked(), Limits())


def test_sequences_of_letters_are_texts(opened: Open) -> None:
    rng = random.Random(0)
    rows = [f"{''.join(rng.choices('ACGT', k=60))},{'yn'[i % 2]}" for i in range(100)]
    assert opened("sequence,label\n" + "\n".join(rows) + "\n").recognised.kind == "text"


def test_numbers_of_pictures_that_are_not_finite(tmp_path: Path) -> None:
    from trainloud.data.inspector import inspectors
    from trainloud.data.survey import Measured, Survey

    x = np.random.default_rng(0).random((50, 8, 8)).astype(np.float32)
    x[7, 1, 1], x[9] = np.nan, np.inf
    np.savez(tmp_path / "p.npz", x=x, y=np.arange(50) % 2)
    data = open_dataset(tmp_path / "p.npz", Asked(), Limits())
    found = inspectors()["non-finite-values-in-data"].item.judge(Survey(data, Measured(), Limits()))  # type: ignore[union-attr]
    assert (
        "2 of 50 pictures hold numbers that are not finite: 64 infinite in single precision and 1 NaN" in found.measured
    )
