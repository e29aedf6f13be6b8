"""What text cells are taken for, and what was met in taking them so."""

import datetime
import math

import numpy as np
import pyarrow as pa
import pytest

from trainloud.data.sources.tables.sentinels import sentinels
from trainloud.data.sources.tables.typing import Typed, merged, typed


def of(words: list, dictionary: bool = True, **how: object) -> Typed:
    cells = pa.chunked_array([pa.array(words, pa.string())])
    return typed(cells.dictionary_encode() if dictionary else cells, **how)  # type: ignore[arg-type]


both = pytest.mark.parametrize("dictionary", [True, False], ids=["dictionary", "plain"])


@both
def test_plain_numbers(dictionary: bool) -> None:
    done = of(["1", "-2.5", "+3", "1e3", ".5", "7."], dictionary)
    assert done.cells.type == pa.float64()
    assert done.cells.to_pylist() == [1, -2.5, 3, 1000, 0.5, 7]
    assert (done.facts.role, done.facts.odd_cells, done.notes) == ("number", 0, ())


@both
def test_spellings_of_missing_beside_numbers(dictionary: bool) -> None:
    done = of(["1", "", "  ", "?", "NA", "N/A", "nan", "NULL", "None", "-", ".", "\\N", "unknown", " 2 "], dictionary)
    values = done.cells.to_pylist()
    assert values[0] == 1 and values[-1] == 2 and all(math.isnan(v) for v in values[1:-1])
    assert done.facts.blank == 2
    assert done.facts.disguised == dict.fromkeys(
        ["?", "NA", "N/A", "nan", "NULL", "None", "-", ".", "\\N", "unknown"], 1
    )
    assert done.facts.padded == 1 and done.facts.odd == {}


def test_unknown_is_a_word_among_words() -> None:
    done = of(["red", "blue", "unknown", "red"])
    assert done.facts.role == "category" and done.facts.disguised == {}
    assert done.cells.to_pylist() == ["red", "blue", "unknown", "red"]


def test_few_odd_cells_leave_a_column_of_numbers() -> None:
    done = of([str(i) for i in range(99)] + ["12abc"])
    assert done.facts.role == "number" and done.facts.odd == {"12abc": 1} and done.facts.odd_cells == 1
    assert np.isnan(done.cells[99].as_py())


def test_unknown_is_odd_where_other_words_are_odd_too() -> None:
    done = of([str(i) for i in range(98)] + ["12abc", "unknown"])
    assert done.facts.disguised == {} and done.facts.odd == {"12abc": 1, "unknown": 1}


def test_half_numbers_half_words_are_categories() -> None:
    done = of([str(i) for i in range(50)] + [f"w{i % 5}" for i in range(50)])
    assert done.facts.role == "category" and done.facts.numeric == 50


def test_rare_codes_beside_one_frequent_number_are_categories() -> None:
    done = of(["0"] * 970 + ["a"] * 15 + ["b"] * 10 + ["c"] * 5)
    assert done.facts.role == "category", "no strays: more kinds of words than of numbers"
    assert done.cells.null_count == 0


@both
def test_nothing_but_missing_is_a_number_column(dictionary: bool) -> None:
    done = of(["", "NA", "", "NA"], dictionary)
    assert done.facts.role == "number" and done.facts.blank == 2 and done.facts.disguised == {"NA": 2}
    assert np.isnan(done.cells.to_numpy()).all()


def test_no_cells() -> None:
    assert len(of([]).cells) == 0


@pytest.mark.parametrize(
    "words, comma, values, note",
    [
        (["1,234.5", "12", "1,000"], False, [1234.5, 12, 1000], "thousands separated by commas"),
        (["1,5", "2", "1.234,75"], True, [1.5, 2, 1234.75], "with a decimal comma"),
        (["1,234", "2,345"], False, [1234, 2345], "thousands separated by commas"),
        (["1,234", "2,345"], True, [1.234, 2.345], "with a decimal comma"),
        (["1 234 567", "5"], False, [1234567, 5], "thousands separated by spaces or apostrophes"),
        (["5%", "7.5 %", "0"], False, [5, 7.5, 0], "in per cent"),
        (["$1,200.50", "$3"], False, [1200.5, 3], "with a currency"),
        (["$12.500", "$3.25"], False, [12.5, 3.25], "with a currency"),
        (["6.611.000", "3.500", "937"], False, [6611000, 3500, 937], "thousands separated by points"),
        (["1.234,5", "6.611", "1.234.567"], True, [1234.5, 6611, 1234567], "with a decimal comma"),
        (
            ["€ 6.611", "€ 1.006.611", "937 €", "4.250"],
            False,
            [6611, 1006611, 937, 4250],
            "with a currency, thousands separated by points",
        ),
        (["€ 6.611,50", "€ 12,5"], True, [6611.5, 12.5], "with a currency, thousands separated by points"),
        (
            ["€ 6.611", "€ 937"],
            False,
            [6611, 937],
            'with a currency, thousands separated by points; "€ 6.611" is taken for 6,611: every point has three '
            "digits behind it, which could be decimals as well",
        ),
    ],
)
def test_other_ways_of_writing_numbers(words: list[str], comma: bool, values: list[float], note: str) -> None:
    done = of(words, comma=comma)
    assert done.facts.role == "number" and done.cells.to_pylist() == values
    assert done.notes == (f"numbers {note}",)


@pytest.mark.parametrize("words", [["6.611", "0.123", "12.400"], ["$0.611", "$0.123"]])
def test_three_decimals_of_a_measurement_stay_decimals(words: list[str]) -> None:
    assert of(words).cells.to_pylist() == [float(w.strip("$")) for w in words]


def test_inconsistent_separators_are_no_numbers() -> None:
    done = of(["1,234", "5678", "2.5"])
    assert done.facts.role == "category"


def test_a_style_that_reads_more_cells_wins_over_odd_cells() -> None:
    done = of([str(i) for i in range(97)] + ["1,250.5", "2,000", "3,500"])
    assert done.facts.odd_cells == 0 and done.cells[97].as_py() == 1250.5


@pytest.mark.parametrize("words", [["01234", "12345", "00501"], [str(10**17 + i) for i in range(3)]])
def test_codes_are_kept_as_words(words: list[str]) -> None:
    done = of(words)
    assert done.facts.role == "category" and done.cells.to_pylist() == words
    assert "kept as words" in done.notes[0]


def test_hours_with_leading_zeros_are_numbers() -> None:
    assert of([f"{i:02d}" for i in range(24)]).facts.role == "number"


def test_strand_of_plus_and_minus_is_kept() -> None:
    done = of(["+", "-", "+", "-"])
    assert done.cells.to_pylist() == ["+", "-", "+", "-"] and done.facts.disguised == {}


def test_na_among_country_codes_is_kept_and_suspected() -> None:
    done = of(["NA", "US", "DE", "FR", "NA"])
    assert done.cells.to_pylist()[0] == "NA" and done.facts.suspected == {"NA": 2}


def test_none_is_a_class_of_a_target_and_missing_elsewhere() -> None:
    words = ["None", "mild", "severe", "?"]
    assert of(words, target=True).cells.to_pylist() == ["None", "mild", "severe", None]
    assert of(words).cells.to_pylist() == [None, "mild", "severe", None]


def test_padded_words_become_one() -> None:
    done = of([" Private", "Private", "Private ", "State"])
    assert done.cells.to_pylist() == ["Private"] * 3 + ["State"]
    assert len(done.cells.chunk(0).dictionary) == 2 and done.facts.padded == 2


def test_booleans_are_categories() -> None:
    assert of(["True", "False", "True"]).facts.role == "category"


SENTENCES = [f"this is sentence number {i}, of some length" for i in range(40)]


@both
def test_long_different_words_are_texts_as_they_stand(dictionary: bool) -> None:
    done = of([*SENTENCES, " with space at its ends ", "", "."], dictionary)
    assert done.facts.role == "text" and done.cells.type == pa.large_string()
    assert done.cells.to_pylist()[-3:] == [" with space at its ends ", None, "."]
    assert done.facts.blank == 1 and done.facts.padded == 0


def test_long_words_that_repeat_are_categories() -> None:
    assert of(SENTENCES[:4] * 30).facts.role == "category"


def test_identifiers_are_categories_not_texts() -> None:
    assert of([f"7590-VHVEG-{i:012d}-{i:012d}" for i in range(100)], False).facts.role == "category"


def test_texts_without_blanks_between_words() -> None:
    words = [f"今天天气很好我们一起去公园散步吧然后回家吃饭休息{i}" for i in range(30)]
    assert of(words).facts.role == "text"


@pytest.mark.parametrize(
    "words, last, note",
    [
        (["2011-01-01", "2011-01-02", "2012-02-29"], (2012, 2, 29), ()),
        (["2011-01-01 00:00:00", "2011-01-01T13:05:09.5Z"], (2011, 1, 1, 13, 5, 9, 500000), ()),
        (["2011-01-01 00:00:00+02:00"], (2010, 12, 31, 22), ()),
        (["1/2/2011", "13/2/2011"], (2011, 2, 13), ("dates, day first",)),
        (["1/2/2011", "2/13/2011 5:30 PM"], (2011, 2, 13, 17, 30), ("dates, month first",)),
        (["01.02.2011", "03.04.2011"], (2011, 4, 3), ("dates, day first",)),
        (["1 Feb 2011", "03-Mar-99"], (1999, 3, 3), ("dates, with the name of the month",)),
        ([f"201101{i:02d}" for i in range(1, 21)], (2011, 1, 20), ("dates, as eight digits",)),
    ],
)
def test_times(words: list[str], last: tuple[int, ...], note: tuple[str, ...]) -> None:
    done = of(words)
    assert done.facts.role == "time" and done.cells.type == pa.timestamp("us")
    assert done.cells[-1].as_py() == datetime.datetime(*last) and done.notes == note


def test_day_and_month_that_nothing_tells_apart_stay_words() -> None:
    done = of(["1/2/2011", "3/4/2011"])
    assert done.facts.role == "category" and "nothing tells the day from the month" in done.notes[0]


def test_dates_in_both_orders_are_no_times() -> None:
    assert of(["13/2/2011", "2/13/2011"]).facts.role == "category"


@pytest.mark.parametrize("words", [["10.0.11", "9.2.12"], ["20", "21"], [str(20110000 + i * 37) for i in range(99)]])
def test_what_is_no_time(words: list[str]) -> None:
    assert of(words).facts.role != "time"


def test_missing_and_impossible_times() -> None:
    days = [str(np.datetime64("2011-01-01") + i) for i in range(60)]
    done = of([*days, "2011-02-30", "NA", "unknown"])
    assert done.facts.role == "time" and done.facts.odd == {"2011-02-30": 1, "unknown": 1}
    assert done.facts.disguised == {"NA": 1} and done.cells.null_count == 3


# sentinels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark, cells", [(-999, 30), (-9999, 5), (999999, 3), (99999, 40)])
def test_marks_far_outside_are_suspected_and_kept(mark: int, cells: int) -> None:
    words = [str(i % 50) for i in range(300)] + [str(mark)] * cells
    done = of(words)
    assert done.facts.suspected == {str(mark): cells}
    assert done.cells[-1].as_py() == mark, "a suspected value stays a value"


def test_marks_at_both_ends() -> None:
    values = np.concatenate([np.arange(100.0), [-999.0] * 5, [9999.0] * 7])
    assert sentinels(values) == {"9999": 7, "-999": 5}


def test_any_number_very_far_out_and_frequent() -> None:
    values = np.concatenate([-np.arange(18000.0), np.full(2000, 365243.0)])
    assert sentinels(values) == {"365243": 2000}


def test_minus_one_among_many_counts() -> None:
    assert sentinels(np.concatenate([np.arange(200.0), np.full(100, -1.0)])) == {"-1": 100}


@pytest.mark.parametrize(
    "values",
    [
        np.tile([-1.0, 1.0], 50),
        np.arange(-1.0, 5).repeat(20),
        np.arange(300.0),
        np.concatenate([np.arange(90.0), [99, 99, 99]]),
        np.concatenate([np.arange(100.0), [-999.0]]),
        np.concatenate([np.zeros(500), np.random.default_rng(0).lognormal(8, 3, 500)]),
        np.full(100, -999.0),
        np.random.default_rng(0).normal(size=1000),
        np.full(10, np.nan),
    ],
    ids=["signs", "small codes", "counter", "ages", "one outlier", "zeros", "constant", "normal", "missing"],
)
def test_sound_numbers_are_not_suspected(values: np.ndarray) -> None:
    assert sentinels(values) == {}


def test_facts_of_two_parts_add_up() -> None:
    first, second = of(["1", "?", ""]).facts, of(["2", "?", "NA", ""]).facts
    both_ = merged(first, second)
    assert both_.blank == 2 and both_.disguised == {"?": 2, "NA": 1}
