"""The pass over pictures: damage is found and named, nothing sound is blamed, nothing is lost when it is cut short."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageOps

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits, Pictures
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure import images
from trainloud.data.measure.decode import budget, decode, quiet_pillow
from trainloud.data.measure.pictures import shrunk
from trainloud.data.measure.pixels import Levels, digest, framed, upright
from trainloud.data.survey import Measured, Survey

MOST = budget(Limits())


class Given:
    """Pictures by name: bytes of a file, or an array. Counts what was read."""

    def __init__(self, given: Mapping[str, bytes | np.ndarray]):
        self.names = list(given)
        self.held = list(given.values())
        self.reads = 0

    def __len__(self) -> int:
        return len(self.held)

    def encoded(self, row: int) -> bytes | None:
        self.reads += 1
        found = self.held[row]
        return found if isinstance(found, bytes) else None

    def array(self, row: int) -> np.ndarray:
        found = self.held[row]
        assert isinstance(found, np.ndarray)
        return found


def dataset(pictures: Given, masks: Pictures | None = None) -> Dataset:
    labels = [name.split("/")[-2] if "/" in name else "all" for name in pictures.names]
    return Dataset(
        Recognised("images", "classes", "folder"),
        pa.table({"folder": pa.array(labels).dictionary_encode()}),
        np.zeros(len(pictures), np.int16),
        ("",),
        "",
        lambda row: pictures.names[row],
        roles={"folder": "category"},
        pictures=pictures,
        masks=masks,
    )


def measured(given: Mapping[str, bytes | np.ndarray], masks: Pictures | None = None, workers: int = 1) -> Survey:
    data = dataset(Given(given), masks)
    cache = Cache("")
    return Survey(data, images.measure(data, Limits(workers=workers), cache, lambda *_: None), Limits(workers=workers))


def asked(name: str, survey: Survey) -> Finding:
    return judge(inspectors()[name], survey)


def saved(form: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", seed: int = 0, **how: object) -> bytes:
    """A picture of smooth noise in this format."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    picture = small.resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    (picture.convert(mode) if mode != "RGB" else picture).save(out, form, **how)  # type: ignore[arg-type]
    return out.getvalue()


def animated(form: str) -> bytes:
    frames = [Image.fromarray(np.full((20, 20), g, np.uint8)) for g in (0, 90, 180)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    return out.getvalue()


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def broken() -> dict[str, tuple[bytes, str]]:
    """Name -> damaged file, and words that must be said of it."""
    jpg, png, gif = saved("JPEG", (200, 150)), saved("PNG"), saved("GIF")
    progressive = saved("JPEG", (200, 150), progressive=True)
    idat = png.index(b"IDAT")
    end = idat + 4 + int.from_bytes(png[idat - 4 : idat], "big")
    moving = animated("GIF")
    webp = saved("WEBP", (300, 200), lossless=True)
    return {
        "header.jpg": (jpg[:100], ""),
        "third.jpg": (jpg[: len(jpg) // 3], "truncated: premature end of the data, about 6"),
        "nearly.jpg": (jpg[:-20], "truncated: premature end"),
        "progressive.jpg": (progressive[: len(progressive) // 2], "truncated: premature end"),
        "no-scan.jpg": (jpg[: len(jpg) // 2] + b"\xff\xd9", "damaged: premature end of data segment"),
        "zero-tail.jpg": (jpg[: len(jpg) // 2] + bytes(len(jpg) // 2), "bytes are zero"),
        "zeros.jpg": (bytes(2000), "no picture: it is 2,000 zero bytes"),
        "empty.jpg": (b"", "the file is empty (0 bytes)"),
        "page.jpg": (b"<!DOCTYPE html><html><body>Not found</body></html>", "no picture: it is an HTML page"),
        "lfs.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer"),
        "table.jpg": (flipped(jpg, jpg.index(b"\xff\xc4") + 3, 1), ""),
        "quant.jpg": (flipped(jpg, jpg.index(b"\xff\xc0") + 3, 0), ""),
        "progressive-flip.jpg": (_complaining(progressive), ""),
        "crc.png": (flipped(png, end), "damaged: wrong checksum of its chunk IDAT"),
        "idat.png": (flipped(png, idat + 20, 3), "cannot be decoded"),
        "half.png": (png[: len(png) // 2], "truncated"),
        "half.gif": (gif[: len(gif) // 2], "truncated"),
        "moving.gif": (moving[:-30], "damaged: premature end in its frame"),
        "half.webp": (webp[: len(webp) // 2], "cannot be decoded"),
        "zero.webp": (webp[:-200] + bytes(200), "bytes of its coded pixels are zero"),
        "half.bmp": (saved("BMP")[:1000], "truncated"),
        "half.tif": (saved("TIFF")[:1000], "truncated"),
        "lzw.tif": (saved("TIFF", compression="tiff_lzw")[:1000], "cannot be decoded"),
    }


def _complaining(progressive: bytes) -> bytes:
    """The first flip of a bit in the scans that leaves a sign."""
    import simplejpeg

    for at in range(len(progressive) // 2, len(progressive) - 2):
        found = flipped(progressive, at, 6)
        try:
            simplejpeg.decode_jpeg(found, strict=True)
        except ValueError:
            return found
    raise AssertionError("no flip left a sign")


def sound() -> dict[str, bytes]:
    alpha = Image.new("RGBA", (20, 20), (200, 30, 30, 90))
    palette = alpha.convert("P")
    palette.info["transparency"] = bytes(range(256))
    deep = Image.fromarray((np.arange(400, dtype=np.uint16) * 150).reshape(20, 20))
    real = Image.fromarray(np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20))
    files = {}
    for name, image, form in (
        ("alpha.png", alpha, "PNG"),
        ("palette.png", palette, "PNG"),
        ("alpha.webp", alpha, "WEBP"),
        ("la.png", alpha.convert("LA"), "PNG"),
        ("deep.png", deep, "PNG"),
        ("float.tif", real, "TIFF"),
        ("one-bit.png", alpha.convert("1"), "PNG"),
        ("cmyk.jpg", alpha.convert("RGB").convert("CMYK"), "JPEG"),
        ("cmyk.tif", alpha.convert("RGB").convert("CMYK"), "TIFF"),
        ("tiny.png", Image.new("RGB", (1, 1)), "PNG"),
        ("tiny.jpg", Image.new("L", (1, 1)), "JPEG"),
        ("line.png", Image.new("L", (300, 1)), "PNG"),
    ):
        out = io.BytesIO()
        image.save(out, form)
        files[name] = out.getvalue()
    profile = b"\0" * 200
    return files | {
        "plain.jpg": saved("JPEG"),
        "grey.jpg": saved("JPEG", mode="L"),
        "large.jpg": saved("JPEG", (900, 700)),
        "progressive.jpeg": saved("JPEG", progressive=True),
        "restarts.JPG": saved("JPEG", (200, 100), restart_marker_rows=1),
        "444.jpg": saved("JPEG", subsampling=0),
        "icc.jpg": saved("JPEG", icc_profile=profile),
        "junk-after-end.jpg": saved("JPEG") + b"appended by a camera" * 50,
        "plain.gif": saved("GIF"),
        "plain.webp": saved("WEBP"),
        "plain.bmp": saved("BMP"),
        "plain.tiff": saved("TIFF"),
        "lzw.tif": saved("TIFF", compression="tiff_lzw"),
        "plain.ppm": saved("PPM"),
        "text-chunk.png": saved("PNG") + b"appended",
    }


def test_all_damage_is_found_and_named() -> None:
    cases = broken()
    survey = measured({name: data for name, (data, _) in cases.items()})
    for row, (name, (_, words)) in enumerate(cases.items()):
        said = survey.measured.errors.get(row, "") + " ".join(survey.measured.remarks.get(row, ()))
        assert any(w in said for w in ("cannot", "truncated", "no picture", "empty", "damaged: ")), (name, said)
        assert words in said, (name, said)
    lost = sorted(survey.measured.errors)
    assert not survey.measured.content[lost].any()
    assert not np.asarray(survey.measured.thumbs)[lost].any()
    undecodable, damaged = asked("undecodable-files", survey), asked("damaged-files", survey)
    assert undecodable.outcome == "fired" and undecodable.severity == "error"
    assert damaged.outcome == "fired" and damaged.severity == "warning"
    assert set(undecodable.evidence["names"]) | set(damaged.evidence["names"]) == set(cases)
    assert f"{len(lost)} of {len(cases)} pictures cannot be decoded: truncated" in undecodable.measured


def test_nothing_sound_is_blamed() -> None:
    survey = measured(sound())
    assert survey.measured.errors == {}
    assert survey.measured.remarks == {}
    assert survey.measured.content.any(axis=1).all()
    for name in ("undecodable-files", "damaged-files", "wrong-suffix", "multi-frame-images", "rotated-by-exif"):
        assert asked(name, survey).outcome == "passed", name


def test_a_harmless_breach_of_the_format_is_a_note() -> None:
    jpg = saved("JPEG")
    survey = measured(
        {"open-end.jpg": jpg[:-2], "padded.jpg": jpg[:-2] + bytes(40) + jpg[-2:], "a.png": saved("PNG")[:-12]}
    )
    assert survey.measured.errors == {}
    finding = asked("damaged-files", survey)
    assert finding.severity == "note"
    assert "3 of 3 files break a rule of their format and lose no pixel" in finding.measured
    notes = [e.note for e in finding.exhibits[0].examples]
    assert notes[0].startswith("premature end: its end marker is missing, no pixel is")
    assert "extraneous bytes of padding before its end marker" in notes[1]
    assert notes[2] == "premature end: its end chunk is missing"


def test_suffix_and_frames() -> None:
    survey = measured({"a.jpg": saved("PNG"), "b.gif": animated("GIF"), "c.png": animated("PNG"), "d": saved("PNG")})
    assert survey.measured.remarks == {0: ("named .jpg, is PNG",), 1: ("3 frames",), 2: ("3 frames",)}
    assert "1 of 4 pictures have another format than their suffix says: named .jpg, is PNG (1)" in (
        asked("wrong-suffix", survey).measured
    )
    assert asked("multi-frame-images", survey).evidence["most"] == 3


def test_a_picture_of_huge_size_is_told_and_not_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(60_001)))
        + chunk(b"IEND", b"")
    )
    progressive = saved("JPEG", (200, 200), progressive=True)
    survey = measured({"huge.png": png, "same.png": png, "sound.png": saved("PNG")})
    assert survey.measured.errors == {}
    assert survey.measured.remarks[0] == ("too large: 20,000 x 20,000 pixels, not decoded (limit 67 million pixels)",)
    assert survey.measured.axes["width"].tolist() == [20_000, 20_000, 40]
    assert np.isnan(survey.measured.axes["brightness"][0])
    assert (survey.measured.content[0] == survey.measured.content[1]).all()
    told = asked("unread-entries", survey)
    assert told.outcome == "fired" and "2 pictures of 3 too large to decode" in told.measured
    # The coefficients of a progressive JPEG are held to its last scan: they count too.
    assert decode(progressive, "a.jpg", 200 * 200).pixels is not None
    assert decode(progressive, "a.jpg", 100 * 100).pixels is None
    assert decode(saved("JPEG", (200, 200)), "a.jpg", 100 * 100).pixels is not None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_thumbnails_are_upright(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(form, (30, 20), exif=exif)
    with quiet_pillow():
        found = decode(data, "", MOST)
    assert found.orientation == orientation
    assert found.pixels is not None
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.abs(upright(found.pixels, orientation).astype(int) - wanted).max() <= 1
    assert found.remarks == (() if orientation == 1 else (f"EXIF orientation {orientation}",))


def test_exif_orientation_is_a_warning_where_it_is_common() -> None:
    exif = Image.Exif()
    exif[274] = 6
    survey = measured({f"{i}.jpg": saved("JPEG", seed=i, **({"exif": exif} if i < 5 else {})) for i in range(20)})
    told = asked("rotated-by-exif", survey)
    assert told.severity == "warning"
    assert "5 of 20 pictures (25.0%)" in told.measured and "to be turned right (5)" in told.measured


def test_equal_pixels_have_equal_digests() -> None:
    grey = np.arange(400, dtype=np.uint8).reshape(20, 20)
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    opaque = np.concatenate([as_rgb, np.full((20, 20, 1), 255, np.uint8)], axis=2)
    assert digest(grey) == digest(as_rgb) == digest(opaque)
    assert digest(grey) != digest(grey.reshape(10, 40))
    assert digest(grey) != digest(grey.astype(np.uint16))
    see_through = opaque.copy()
    see_through[0, 0, 3] = 0
    assert digest(opaque) != digest(see_through)


def test_equal_pixels_are_found_in_different_files() -> None:
    large = saved("JPEG", (900, 700))
    files = {
        "a.png": saved("PNG"),
        "b.bmp": saved("BMP"),
        "c.png": saved("PNG", seed=1),
        "large.jpg": large,
        # The same coded pixels with a comment before them.
        "with-comment.jpg": large[:2] + b"\xff\xfe\x00\x09comment" + large[2:],
        "other.jpg": saved("JPEG", (900, 700), seed=1),
    }
    told = asked("duplicate-examples", measured(files))
    assert sorted(told.evidence["members"]) == [[0, 1], [3, 4]]
    assert "2 of 6 examples (33.33%) repeat another of the same split, in 2 groups of up to 2" in told.measured


def test_a_pass_that_was_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = {f"row {i}": rng.integers(0, 256, (6, 6), dtype=np.uint8) for i in range(images.CHUNK * 2 + 100)}

    def cut(what: str, done: int, of: int) -> None:
        if done > images.CHUNK + 200:
            raise KeyboardInterrupt

    pictures = Given(given)
    with pytest.raises(KeyboardInterrupt):
        images.measure(dataset(pictures), Limits(workers=2), Cache(str(tmp_path), "key"), cut)
    pictures.reads = 0
    resumed = images.measure(dataset(pictures), Limits(workers=2), Cache(str(tmp_path), "key"), lambda *_: None)
    assert pictures.reads == images.CHUNK + 100
    whole = images.measure(dataset(Given(given)), Limits(workers=1), Cache(""), lambda *_: None)
    for name, values in whole.axes.items():
        assert np.array_equal(values, resumed.axes[name], equal_nan=True)
    assert np.array_equal(whole.content, resumed.content)
    assert np.array_equal(whole.thumbs, resumed.thumbs)
    # A broken piece is measured again.
    kept = next(tmp_path.glob("*/pictures-000000.npz"))
    kept.write_bytes(kept.read_bytes()[:1000])
    pictures.reads = 0
    images.measure(dataset(pictures), Limits(), Cache(str(tmp_path), "key"), lambda *_: None)
    assert pictures.reads == images.CHUNK


def test_an_unreadable_row_is_told_and_the_rest_measured() -> None:
    class Failing(Given):
        def encoded(self, row: int) -> bytes | None:
            if row == 1:
                raise OSError("the archive ends here")
            return super().encoded(row)

    data = dataset(Failing({f"{i}.png": saved("PNG", seed=i) for i in range(3)}))
    found = images.measure(data, Limits(), Cache(""), lambda *_: None)
    assert found.errors == {1: "cannot be read: the archive ends here"}
    assert np.isfinite(found.axes["brightness"][[0, 2]]).all()


@pytest.mark.parametrize(
    "values, kind, black, white",
    [
        ((0.0, 1.0), np.float32, 0.0, 1.0),
        ((-1.0, 1.0), np.float64, -1.0, 1.0),
        ((0.0, 255.0), np.float32, 0.0, 255.0),
        ((0, 4095), np.uint16, 4.1, 4090.0),
    ],
)
def test_levels_of_values_that_are_no_bytes(values: tuple, kind: type, black: float, white: float) -> None:
    pixels = np.linspace(*values, 10_000).astype(kind).reshape(100, 100)
    low, high = Levels(1, lambda row: pixels).range(pixels.dtype.str)
    assert low == pytest.approx(black, abs=0.5 if kind is np.uint16 else 0)
    assert high == pytest.approx(white, abs=0.5 if kind is np.uint16 else 0)
    shown = Levels(1, lambda row: pixels).bytes(pixels)
    assert (shown.min(), shown.max()) == (0, 255)


def test_arrays_of_torch_are_turned() -> None:
    picture = np.zeros((3, 10, 20), np.float32)
    picture[0] = 1.0
    survey = measured({"row 0": picture})
    assert survey.measured.axes["width"].tolist() == [20]
    assert survey.pixels(np.array([0]))[0][16, 16].tolist() == [255, 0, 0]


def test_framing_keeps_pixels() -> None:
    eight = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    large = framed(eight, 32)
    assert large.shape == (1, 32, 32, 3)
    assert np.array_equal(large[0, ::4, ::4, 0], eight[0])
    digit = framed(np.full((1, 28, 28), 7, np.uint8), 32)
    assert (digit[0, 2:30, 2:30] == 7).all() and (digit[0, :2] == 128).all()
    flat = framed(np.zeros((1, 10, 32, 3), np.uint8), 32)
    assert (flat[0, 11:21] == 0).all() and (flat[0, :11] == 128).all()


def test_shrunk_keeps_the_aspect_and_is_the_thumbnail() -> None:
    given = {"wide.png": saved("PNG", (200, 100)), "broken.png": b"", "same.png": saved("PNG", (32, 32))}
    survey = measured(given)
    small = shrunk(Given(given), np.array([0, 1, 2]), 32, 2)
    assert (small[0, :8] == 128).all() and (small[0, 8:24] != 128).any()
    assert not small[1].any()
    assert np.array_equal(small[2], np.asarray(Image.open(io.BytesIO(given["same.png"]))))
    assert np.abs(small.astype(int) - survey.pixels(np.array([0, 1, 2])).astype(int)).max() <= 12


def test_masks_are_held_against_their_pictures() -> None:
    files = {f"{i}.png": saved("PNG", seed=i) for i in range(6)}
    mask = Image.fromarray((np.arange(1200).reshape(30, 40) < 300).astype(np.uint8) * 255)
    out = io.BytesIO()
    mask.save(out, "PNG")
    masks = {str(i): out.getvalue() for i in range(6)} | {"4": saved("PNG", (10, 10)), "5": b""}
    survey = measured(files, Given(masks))
    assert survey.measured.axes["mask share"][:4].tolist() == [0.25] * 4
    told = asked("mask-mismatch", survey)
    assert told.severity == "error"
    assert "1 of 6 masks have another size than their picture; 1 of 6 cannot be read" in told.measured


def test_a_picture_that_needs_no_mask_is_not_blamed() -> None:
    class Some(Given):
        def given(self, row: int) -> bool:
            return row < 2

    mask = np.zeros((30, 40), np.uint8)
    survey = measured({f"{i}.png": saved("PNG", seed=i) for i in range(4)}, Some({str(i): mask for i in range(2)}))
    assert asked("mask-mismatch", survey).outcome == "passed"


def test_axes_of_a_known_picture() -> None:
    half = np.zeros((10, 10, 3), np.uint8)
    half[:, 5:] = (255, 0, 0)
    axes = measured({"row 0": half, "row 1": np.full((10, 10), 255, np.uint8)}).measured.axes
    assert axes["brightness"].tolist() == pytest.approx([38.0, 255.0])  # 255 x 0.299 rounds to 76
    assert axes["contrast"][0] == pytest.approx(38.0) and axes["contrast"][1] == 0
    assert axes["entropy"].tolist() == pytest.approx([1.0, 0.0])
    assert axes["black share"].tolist() == [0.5, 0.0] and axes["white share"].tolist() == [0.0, 1.0]
    assert axes["red minus green"][0] == pytest.approx(127.5)
    # Hasler and Süsstrunk: rg is 0 or 255, yb 0 or 127.5.
    spread, mean = np.hypot(127.5, 63.75), np.hypot(127.5, 63.75)
    assert axes["colourfulness"].tolist() == pytest.approx([spread + 0.3 * mean, 0.0], rel=1e-5)
    assert axes["border"][1] == 0


def test_blank_pictures_are_told_and_are_no_duplicates() -> None:
    files = {f"{i}.png": saved("PNG", seed=i) for i in range(40)}
    blank = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 9, 9)).save(blank, "PNG")
    stripes = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)  # blank when shrunk by two
    survey = measured(files | {"x.png": blank.getvalue(), "y.png": blank.getvalue(), "z": stripes})
    told = asked("blank-pictures", survey)
    assert "2 of 43 pictures are of one colour all over" in told.measured
    assert [e.note for e in told.exhibits[0].examples] == ["grey level 9 of 255 everywhere"] * 2
    copies = asked("duplicate-examples", survey)
    assert copies.severity == "note" and "1 of them are blank pictures" in copies.measured


def test_a_pass_without_pictures() -> None:
    survey = measured({})
    assert isinstance(survey.measured, Measured) and len(survey.measured.content) == 0


# real data ----------------------------------------------------------------------------------------------------------


def of_zip(path: Path, wanted: str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {
            n: archive.read(n)
            for n in archive.namelist()
            if n.lower().endswith((".jpg", ".gif", ".png")) and wanted in n
        }


@pytest.mark.slow
def test_flowers_hold_exactly_the_known_duplicates(shared: Callable[[str], Path]) -> None:
    import json

    known = json.loads(shared("known_defects.json").read_text())["images/flowers5_128px.zip"]
    survey = measured(of_zip(shared("images/flowers5_128px.zip"), ""), workers=2)
    told = asked("duplicate-examples", survey)
    found = sorted(sorted(survey.data.name_of(r) for r in group) for group in told.evidence["members"])
    assert found == sorted(sorted(group) for group in known["exact_duplicate_groups"])
    contradicting = asked("contradicting-labels", survey)
    assert contradicting.severity == "error"
    assert "8 of 4,317 examples (0.19%) are equal to another with another label, in 4 groups" in contradicting.measured
    assert not survey.measured.errors and not survey.measured.remarks


def test_the_placeholder_among_the_ants_is_shown_first(shared: Callable[[str], Path]) -> None:
    survey = measured(of_zip(shared("images/hymenoptera.zip"), "/train/"), workers=2)
    told = asked("odd-format-out", survey)
    assert told.evidence["names"] == ["hymenoptera_data/train/ants/imageNotFound.gif"]
    assert told.exhibits[0].examples[0].name.endswith("ants/imageNotFound.gif")
    assert "GIF, mode P;" in told.measured
    for name in ("undecodable-files", "damaged-files", "wrong-suffix", "duplicate-examples"):
        assert asked(name, survey).outcome == "passed", name


@pytest.mark.slow
def test_fashion_mnist_has_no_exact_duplicates(shared: Callable[[str], Path]) -> None:
    import gzip

    with gzip.open(shared("images/fashion-mnist/train-images-idx3-ubyte.gz")) as f:
        pixels = np.frombuffer(f.read()[16:], np.uint8).reshape(-1, 28, 28)
    survey = measured({f"row {i}": p for i, p in enumerate(pixels)}, workers=2)
    assert asked("duplicate-examples", survey).outcome == "passed"
