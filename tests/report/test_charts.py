"""Geometry of charts, and pictures as PNG."""

import base64
import io
import math
import re

import pytest
from PIL import Image

from trainloud.report.charts import Level, Line, chart, number, ticks
from trainloud.report.pictures import BAD, draw, png, scale


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_points_stand_where_the_axes_say():
    drawn = chart([Line("a", [0, 10], [0.0, 5.0])], "t", "x", "y")
    (x0, y0), (x1, y1) = points(drawn.curves[0].path)
    at_x, at_y = ({label: p for p, label in marks} for marks in (drawn.x_ticks, drawn.y_ticks))
    assert (x0, y0) == (at_x["0"], at_y["0"]) and (x1, y1) == (at_x["10"], at_y["5"])
    assert y1 < y0, "larger values stand higher"


def test_a_long_line_is_decimated_and_keeps_its_peaks():
    ys = [1.0] * 20_000
    ys[7777], ys[12345] = 9.0, -4.0
    drawn = chart([Line("a", range(20_000), ys)], "t", "x", "y", log=False)
    found = points(drawn.curves[0].path)
    assert 300 <= len(found) <= 600
    at_y = {label: y for y, label in drawn.y_ticks}
    per_unit = (at_y["0"] - at_y["5"]) / 5
    assert min(y for _, y in found) == pytest.approx(at_y["0"] - 9 * per_unit, abs=0.2)
    assert max(y for _, y in found) == pytest.approx(at_y["0"] + 4 * per_unit, abs=0.2)


def test_what_is_not_finite_leaves_a_gap():
    ys = [1.0, 2.0, math.nan, 3.0, math.inf, None, 4.0, 5.0]
    drawn = chart([Line("a", range(8), ys)], "t", "x", "y")
    path = drawn.curves[0].path
    assert path.count("M") == 3 and len(points(path)) == 5
    assert path.count("h0") == 1, "the lone third value is a dot"
    assert drawn.gaps == 3


def test_a_range_of_decades_is_logarithmic():
    falling = [10.0 ** (3 - i / 10) for i in range(60)]
    assert chart([Line("a", range(60), falling)], "t", "x", "y").log
    assert not chart([Line("a", range(60), [*falling[:-1], 0.0])], "t", "x", "y").log
    assert not chart([Line("a", range(3), [1.0, 50.0, 99.0])], "t", "x", "y").log
    found = points(chart([Line("a", [0, 1, 2], [1.0, 10.0, 100.0])], "t", "x", "y", log=True).curves[0].path)
    assert found[0][1] - found[1][1] == pytest.approx(found[1][1] - found[2][1], abs=0.11)


def test_the_level_to_compare_with_is_inside_the_plot():
    drawn = chart([Line("a", [0, 1], [1.0, 1.5])], "t", "x", "y", levels=[Level("chance", 2.303)])
    ((y, name),) = drawn.levels
    assert name == "chance" and drawn.top < y < points(drawn.curves[0].path)[0][1]


@pytest.mark.parametrize(
    "ys", [[], [math.nan], [3.0], [0.0, 0.0], [1e300, -1e300], [1e-300], [5e-324, 1e308], [-1.7e308, 1.7e308]]
)
def test_odd_values_do_not_break_a_chart(ys):
    drawn = chart([Line("a", range(len(ys)), ys)], "t", "x", "y")
    for x, y in points(drawn.curves[0].path):
        assert drawn.left <= x <= drawn.right and drawn.top <= y <= drawn.bottom
    assert len(points(drawn.curves[0].path)) == sum(math.isfinite(y) for y in ys)


def test_the_table_is_sampled_and_keeps_short_lines_whole():
    lines = [Line("loss", range(1000), [float(i) for i in range(1000)]), Line("eval", [333, 777], [0.25, 0.5])]
    table = chart(lines, "t", "step", "y").table
    assert table.header == ("step", "loss", "eval") and table.total == 1000 and len(table.rows) <= 50
    assert table.rows[0] == ("0", "0", "") and table.rows[-1] == ("999", "999", "")
    assert ("333", "333", "0.25") in table.rows and ("777", "777", "0.5") in table.rows


def test_ticks_are_round():
    assert ticks(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(-3.0, 8.0, 4) == [0.0, 5.0]
    assert ticks(2.0, 2.0, 5) == []


@pytest.mark.parametrize(
    "value, text", [(None, "-"), (0, "0"), (1234567, "1,234,567"), (0.123456, "0.1235"), (1e-9, "1e-09"),
                    (1e9, "1e+09"), (math.nan, "nan"), (-math.inf, "-inf"), (2.0, "2")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def opened(uri: str) -> Image.Image:
    assert uri.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def test_png_is_read_back_by_another_program():
    grey = Image.open(io.BytesIO(png(3, 2, bytes(range(6)), 1)))
    assert grey.mode == "L" and list(grey.tobytes()) == [0, 1, 2, 3, 4, 5]
    colour = Image.open(io.BytesIO(png(1, 2, bytes(range(6)), 3)))
    assert colour.mode == "RGB" and colour.getpixel((0, 1)) == (3, 4, 5)
    with pytest.raises(ValueError, match="5 bytes for 3 x 2 x 1"):
        png(3, 2, bytes(5), 1)


def test_channels_first_and_last_give_the_same_picture():
    first = [float(100 * c + 10 * y + x) for c in range(3) for y in range(4) for x in range(5)]
    last = [float(100 * c + 10 * y + x) for y in range(4) for x in range(5) for c in range(3)]
    one, two = draw(first, 4, 5, 3), draw(last, 4, 5, 3, channels_last=True)
    assert one.uri == two.uri and (one.width, one.height) == (5, 4)
    red, green, blue = opened(one.uri).getpixel((0, 0))
    assert red < green < blue


def test_an_outlier_does_not_take_the_scale():
    values = [i / 1000 for i in range(1000)]
    values[500] = 1e6
    assert scale(values) == (pytest.approx(0.009), pytest.approx(0.991, abs=0.002))
    assert scale([0.0] * 999 + [1.0]) == (0.0, 1.0)
    assert scale([math.nan]) == (0.0, 0.0)


def test_what_is_not_finite_is_magenta_and_counted():
    picture = draw([0.0, 1.0, math.nan, math.inf], 2, 2)
    assert picture.bad == 2
    image = opened(picture.uri)
    assert [image.getpixel(p) for p in ((0, 0), (1, 0), (0, 1), (1, 1))] == [(0, 0, 0), (255, 255, 255), BAD, BAD]


def test_large_pictures_are_thinned_and_say_so():
    picture = draw([float(i) for i in range(224 * 200)], 200, 224)
    assert picture.every == (3, 3) and (picture.width, picture.height) == (75, 67)


def test_a_turned_strip_runs_to_the_right():
    values = [float(t) for t in range(6) for _ in range(2)]  # (time, channel)
    picture = draw(values, 6, 2, heat=True, turned=True)
    assert (picture.width, picture.height) == (6, 2)
    greens = [opened(picture.uri).getpixel((t, 0))[1] for t in range(6)]
    assert greens == sorted(greens) and greens[0] < greens[-1]
