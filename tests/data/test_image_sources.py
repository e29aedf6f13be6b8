"""Folders and archives of pictures, idx files, arrays and torch data sets become the data sets that are meant."""

import gzip
import io
import random
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import open_dataset

Shared = Callable[[str], Path]
RNG = np.random.default_rng(0)


def picture(side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def mask(side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.fromarray((RNG.random((side, side)) > 0.5).astype(np.uint8) * 255).save(out, "PNG")
    return out.getvalue()


def fill(folder: Path, names: Iterable[str], make: Callable[[], bytes] = picture) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make())
    return folder


def opened(data: Any, **said: Any) -> Dataset:
    return open_dataset(data, Asked(**said), Limits())


def labels(data: Dataset) -> list[Any]:
    return data.table.column(data.recognised.target).to_pylist()


def sizes(data: Dataset) -> dict[str, int]:
    return {s: int((data.split == i).sum()) for i, s in enumerate(data.splits)}


def names(data: Dataset) -> list[str]:
    return [data.name_of(i) for i in range(len(data))]


# folders ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files, splits, classes, folders",
    [
        (["a/1.png", "b/1.png"] * 1, {"": 4}, {"a": 2, "b": 2}, None),
        (["top/a/1.png", "top/b/1.png"], {"": 4}, {"a": 2, "b": 2}, None),
        (["d/Train/a/1.png", "d/Train/b/1.png", "d/VALID/a/1.png"], {"train": 4, "val": 2}, {"a": 4, "b": 2}, None),
        (["training_set/a/1.png", "test_set/a/1.png", "test_set/b/1.png"], {"train": 2, "test": 4}, None, None),
        (["seg_train/seg_train/a/1.png", "seg_test/seg_test/b/1.png"], {"train": 2, "test": 2}, {"a": 2, "b": 2}, None),
        (["a/train/1.png", "a/test/1.png", "b/train/1.png"], {"train": 4, "test": 2}, {"a": 4, "b": 2}, None),
        (["plane/1.png", "train/1.png", "car/1.png"], {"": 6}, {"car": 2, "plane": 2, "train": 2}, None),
        (["a/x/1.png", "a/y/1.png", "b/1.png"], {"": 6}, {"a": 4, "b": 2}, {"x": 2, "y": 2, "": 2}),
        (["train/1.png", "test/1.png"], {"train": 2, "test": 2}, {}, None),
        (["images/1.png"], {"": 2}, {}, None),
        (["holiday/1.png"], {"": 2}, {"holiday": 2}, None),
        (["1.png"], {"": 2}, {}, None),
    ],
)
def test_folders_are_splits_and_classes(
    tmp_path: Path, files: list[str], splits: dict, classes: dict | None, folders: dict | None
) -> None:
    both = [f.replace("1.png", f"{i}.png") for f in files for i in (1, 2)]
    data = opened(fill(tmp_path / "data", both))
    assert sizes(data) == splits
    if classes is not None:
        assert data.recognised.task == ("classes" if classes else "none")
        assert (Counter(labels(data)) if classes else {}) == classes
    assert ("folder" in data.roles) == (folders is not None)
    if folders is not None:
        assert Counter(data.table.column("folder").to_pylist()) == folders


def test_folders_each_of_one_picture_are_no_classes(tmp_path: Path) -> None:
    data = opened(fill(tmp_path, [f"p{i}/x.png" for i in range(20)]))
    assert data.recognised.task == "none" and data.roles == {"folder": "category"}


def test_pictures_beside_class_folders_have_no_class_and_stay_rows(tmp_path: Path) -> None:
    data = opened(fill(tmp_path, ["preview.png", *(f"{c}/{i}.png" for c in "ab" for i in range(30))]))
    assert Counter(labels(data)) == {"a": 30, "b": 30, None: 1}
    assert data.notes == ("1 picture lies beside the class folders and has no class",)


def test_pictures_are_told_by_content_too_and_all_else_is_said(tmp_path: Path) -> None:
    fill(tmp_path, [f"{c}/{i}.png" for c in "ab" for i in range(4)])
    fill(tmp_path, ["a/without_suffix", "a/named.txt"])
    fill(tmp_path, ["b/fake.jpg", "README", "a/notes.txt", ".DS_Store", "b/Thumbs.db"], lambda: b"no picture")
    fill(tmp_path, ["a/.ipynb_checkpoints/0-checkpoint.png"])
    fill(tmp_path, ["a/0.xml", "a/1.xml", "b/2.xml"], lambda: b"<box/>")
    data = opened(tmp_path)
    assert len(data) == 11 and {"a/without_suffix", "a/named.txt", "b/fake.jpg"} <= set(names(data))
    kinds = {t.name: t.kind for t in data.troubles}
    assert kinds == {
        "README": "stray-file",
        "a/notes.txt": "stray-file",
        ".DS_Store": "system-file",
        "b/Thumbs.db": "system-file",
        "a/.ipynb_checkpoints/0-checkpoint.png": "system-file",
    }
    assert data.notes == ("3 .xml files bear the names of pictures: annotations, which are not read",)


def test_a_few_pictures_beside_tables_are_no_data_set_of_pictures(tmp_path: Path) -> None:
    fill(tmp_path, ["plot.png", "curve.png"])
    (tmp_path / "data.csv").write_text("a,b,label\n" + "".join(f"{i},{i * 7 % 5},{i % 2}\n" for i in range(50)))
    assert opened(tmp_path).recognised.kind == "table"


def test_a_folder_of_pictures_cannot_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it holds pictures, which cannot be read as table"):
        opened(fill(tmp_path, ["a/1.png", "b/1.png"]), kind="table")
    with pytest.raises(SourceError, match="no column 'size' to predict; there are 'class'"):
        opened(tmp_path, target="size")


def test_the_further_part_is_taken_for_what_the_first_is(tmp_path: Path) -> None:
    fill(tmp_path, ["one/a/1.png", "one/b/1.png", "one/b/2.png", "two/a/3.png"])
    data = open_dataset(tmp_path / "one", Asked(), Limits(), test=tmp_path / "two")
    assert sizes(data) == {"train": 3, "test": 1} and labels(data) == ["a", "b", "b", "a"]
    assert data.pictures is not None and data.pictures.encoded(3)[:4] == b"\x89PNG"  # type: ignore[index]


# a table of labels --------------------------------------------------------------------------------------------------


def test_a_table_inside_names_the_pictures(tmp_path: Path) -> None:
    fill(tmp_path, [f"pics/img_{i:03}.png" for i in range(20)])
    rows = [f"img_{i:03}.png,{'cat' if i % 2 else 'dog'},{i * 3}" for i in range(18)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,age", *rows, "gone.png,cat,3"]) + "\n")
    data = opened(tmp_path)
    assert data.recognised.target == "label" and list(data.roles) == ["label", "age"]
    assert labels(data) == [*(["dog", "cat"] * 9), None, None]
    assert "labels.csv names 18 of them in its column 'file'" in data.recognised.why
    assert [(t.kind, t.name) for t in data.troubles] == [("missing-file", "labels.csv:20")]
    assert data.notes[0].startswith("2 of 20 pictures have no row in labels.csv ('pics/img_018.png'")
    assert opened(tmp_path, target="age").recognised.task == "number"
    with pytest.raises(SourceError, match="no column 'nope'; there are 'file', 'label', 'age'"):
        opened(tmp_path, target="nope")


@pytest.mark.parametrize(
    "cell", ["/home/me/data/{}.png", "{}", "{}.jpg", "C:\\data\\{}.png", "./{}.png"], ids=lambda c: c[:8]
)
def test_names_in_a_table_may_have_other_folders_and_suffixes(tmp_path: Path, cell: str) -> None:
    fill(tmp_path, [f"{i:04}.png" for i in range(12)])
    (tmp_path / "t.tsv").write_text("id\tkind\n" + "".join(f"{cell.format(f'{i:04}')}\tk{i % 3}\n" for i in range(12)))
    assert labels(opened(tmp_path)) == [f"k{i % 3}" for i in range(12)]


def test_equal_file_names_in_two_folders_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    fill(tmp_path / "data", [f"{s}/{i}.png" for s in ("train", "test") for i in range(6)])
    (tmp_path / "train.csv").write_text("path,y\n" + "".join(f"train/{i}.png,{i % 2}\n" for i in range(6)))
    data = opened(tmp_path / "data", labels=str(tmp_path / "train.csv"))
    assert labels(data) == [*("0", "1") * 3, *[None] * 6]


def test_a_table_without_header_and_one_with_splits(tmp_path: Path) -> None:
    fill(tmp_path / "a", [f"{i:04}.jpg" for i in range(9)])
    (tmp_path / "a/list.csv").write_text("".join(f"{i:04}.jpg;{i % 3}\n" for i in range(9)))
    assert labels(opened(tmp_path / "a")) == ["0", "1", "2"] * 3
    fill(tmp_path / "b", [f"{i:04}.jpg" for i in range(9)])
    rows = "".join(f"{i:04},{'train' if i < 6 else 'test'},k{i % 2}\n" for i in range(9))
    (tmp_path / "b/meta.csv").write_text("name,split,dx\n" + rows)
    data = opened(tmp_path / "b", target="dx")
    assert sizes(data) == {"train": 6, "test": 3} and list(data.roles) == ["dx"]


def test_two_tables_are_not_chosen_from_silently(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(8)])
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text("id,y\n" + "".join(f"{i},{i % 2}\n" for i in range(8)))
    data = opened(tmp_path)
    assert data.recognised.task == "none"
    assert data.notes == ("one.csv and two.csv each name pictures: say which holds the labels with --labels",)
    assert opened(tmp_path, labels=str(tmp_path / "one.csv")).recognised.task == "classes"
    (tmp_path / "three.csv").write_text("id,y\nx,1.5\ny,2.5\n")
    with pytest.raises(SourceError, match="none of its columns holds the names of the 8 pictures"):
        opened(tmp_path, labels=str(tmp_path / "three.csv"))


def test_cifar_with_human_labels_gives_unnamed_pictures_their_folders_class(shared: Shared) -> None:
    folder = shared("images/cifar10_part")
    table = str(folder / "train_labels.csv")
    data = opened(folder / "images.tar.gz", labels=table, target="aggre")
    assert sizes(data) == {"train": 15000, "test": 3000} and "folder" not in data.roles
    found = labels(data)
    assert found.count(None) == 0
    wrong = sum(a != n.split("/")[1] for a, n in zip(found[:15000], names(data)[:15000], strict=True))
    assert wrong == 1359  # 9.06 % of 15,000
    assert all(a == n.split("/")[1] for a, n in zip(found[15000:], names(data)[15000:], strict=True))
    assert "agrees with the column 'aggre' for 13,641 of 15,000 pictures (90.9%)" in data.notes[1]
    with pytest.raises(SourceError, match="which column is the target"):
        opened(folder / "images.tar.gz", labels=table)


def test_real_archives(shared: Shared) -> None:
    flowers = opened(shared("images/flowers5_128px.zip"))
    assert Counter(labels(flowers)) == {"daisy": 764, "dandelion": 1052, "rose": 784, "sunflower": 733, "tulip": 984}
    assert [(t.kind, t.name) for t in flowers.troubles] == [("system-file", "flowers/.DS_Store")]
    bees = opened(shared("images/hymenoptera.zip"))
    assert sizes(bees) == {"train": 201, "val": 118} and Counter(labels(bees)) == {"ants": 156, "bees": 163}
    assert "hymenoptera_data/train/ants/imageNotFound.gif" in names(bees)
    cells = opened(shared("images/isbi2012_membrane.zip"))
    assert cells.recognised.task == "segmentation" and len(cells) == 30 and cells.masks is not None
    for row in (0, 29):
        with Image.open(io.BytesIO(cells.masks.encoded(row) or b"")) as one:
            assert set(np.unique(one)) == {0, 255}


# masks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image, label",
    [
        ("{s}/images/{i}.png", "{s}/masks/{i}.png"),
        ("images/{s}/{i}.png", "labels/{s}/{i}.png"),
        ("{s}/{i}.png", "{s}_masks/{i}_mask.png"),
        ("{s}/{i}.png", "{s}/{i}_mask.png"),
        ("{s}/CXR/{i}.png", "{s}/annotations/{i}.png"),
    ],
)
def test_masks_find_their_pictures(tmp_path: Path, image: str, label: str) -> None:
    places = [(s, f"{s[0]}{i}") for s in ("train", "val") for i in range(5)]
    fill(tmp_path, [image.format(s=s, i=i) for s, i in places])
    fill(tmp_path, [label.format(s=s, i=i) for s, i in places], mask)
    data = opened(tmp_path)
    assert data.recognised.task == "segmentation" and sizes(data) == {"train": 5, "val": 5}, data.recognised
    assert data.masks is not None and data.pictures is not None
    stored = {n: (tmp_path / n).read_bytes() for n in names(data)}
    assert [data.pictures.encoded(i) for i in range(10)] == list(stored.values())
    expected = {image.format(s=s, i=i): (tmp_path / label.format(s=s, i=i)).read_bytes() for s, i in places}
    assert all(data.masks.encoded(i) == expected[n] for i, n in enumerate(names(data)))


def test_folders_called_mask_that_hold_photographs_are_classes(tmp_path: Path) -> None:
    data = opened(fill(tmp_path, [f"{c}/{i}.png" for c in ("mask", "face") for i in range(6)], lambda: picture(32)))
    assert data.recognised.task == "classes"
    with pytest.raises(SourceError, match="no masks were found"):
        opened(tmp_path, task="segmentation")


def test_pictures_without_masks_and_masks_without_pictures_are_said(tmp_path: Path) -> None:
    fill(tmp_path, [f"images/{i}.png" for i in range(20)] + ["test/images/a.png"])
    fill(tmp_path, [f"masks/{i}.png" for i in range(1, 20)] + ["masks/odd.png"], mask)
    data = opened(tmp_path)
    assert {(t.kind, t.name) for t in data.troubles} == {("no-mask", "images/0.png"), ("stray-file", "masks/odd.png")}
    assert data.notes == ("1 picture in folders that have no masks at all",)
    assert len(data) == 21


def test_a_test_part_without_masks_leaves_the_others_theirs(tmp_path: Path) -> None:
    fill(tmp_path, [*(f"one/images/{i}.png" for i in range(6)), "two/a.png", "two/b.png"])
    fill(tmp_path, [f"one/masks/{i}.png" for i in range(6)], mask)
    data = open_dataset(tmp_path / "one", Asked(), Limits(), test=tmp_path / "two")
    assert data.recognised.task == "segmentation" and sizes(data) == {"train": 6, "test": 2}
    assert data.masks is not None
    assert [data.masks.given(i) for i in range(8)] == [True] * 6 + [False] * 2  # type: ignore[attr-defined]


# idx ----------------------------------------------------------------------------------------------------------------


def idx(values: np.ndarray, code: int = 8) -> bytes:
    head = struct.pack(">HBB", 0, code, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.tobytes()


def mnist(folder: Path, pack: Callable[[bytes], bytes] = gzip.compress, suffix: str = ".gz") -> dict[str, np.ndarray]:
    made = {}
    for name, n in (("train", 40), ("t10k", 10)):
        made[name] = RNG.integers(0, 255, (n, 28, 28), dtype=np.uint8)
        (folder / f"{name}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(made[name])))
        (folder / f"{name}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx((np.arange(n) % 5).astype(np.uint8))))
    return made


@pytest.mark.parametrize("pack, suffix", [(gzip.compress, ".gz"), (bytes, "")])
def test_a_folder_of_idx_files(tmp_path: Path, pack: Callable[[bytes], bytes], suffix: str) -> None:
    made = mnist(tmp_path, pack, suffix)
    data = opened(tmp_path)
    assert sizes(data) == {"train": 40, "test": 10} and labels(data)[:6] == ["0", "1", "2", "3", "4", "0"]
    assert data.pictures is not None and data.pictures.encoded(0) is None
    assert (data.pictures.array(3) == made["train"][3]).all() and (data.pictures.array(41) == made["t10k"][1]).all()
    assert data.name_of(41) == f"t10k-images-idx3-ubyte{suffix}[1]"
    alone = opened(tmp_path / f"t10k-images-idx3-ubyte{suffix}")
    assert len(alone) == 10 and alone.splits == ("",) and labels(alone)[1] == "1"
    with pytest.raises(SourceError, match="10 labels; name the file of their images"):
        opened(tmp_path / f"t10k-labels-idx1-ubyte{suffix}")


def test_big_endian_numbers_and_named_types(tmp_path: Path) -> None:
    values = RNG.normal(size=(12, 8, 8)).astype(">f4")
    (tmp_path / "a-images-idx3-float").write_bytes(idx(values, 0x0D))
    data = opened(tmp_path / "a-images-idx3-float")
    assert data.pictures is not None
    one = data.pictures.array(5)
    assert one.dtype == np.float32 and one.dtype.isnative and (one == values[5]).all()


def test_idx_files_that_are_cut_short(tmp_path: Path) -> None:
    mnist(tmp_path, bytes, "")
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[: 16 + 784 * 25 + 100])
    data = opened(file)
    assert len(data) == 25
    assert data.troubles[0].what == "cut short: 19,700 of 31,360 bytes, 25 whole examples of 40"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SourceError, match="84 of 31,360 bytes, not one whole example"):
        opened(file)
    packed = tmp_path / "t10k-images-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress(idx(RNG.integers(0, 255, (10, 28, 28), dtype=np.uint8)))[:-400])
    assert len(opened(packed)) == 9


def test_labels_of_another_number_are_refused(tmp_path: Path) -> None:
    mnist(tmp_path, bytes, "")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(39, np.uint8)))
    with pytest.raises(SourceError, match="declares 40 examples and train-labels-idx1-ubyte 39"):
        opened(tmp_path)


def test_fashion_mnist(shared: Shared) -> None:
    data = opened(shared("images/fashion-mnist"))
    assert sizes(data) == {"train": 60000, "test": 10000} and set(Counter(labels(data)).values()) == {7000}


# arrays -------------------------------------------------------------------------------------------------------------


def test_an_npz_with_splits(tmp_path: Path) -> None:
    x = RNG.integers(0, 255, (30, 12, 12, 3), dtype=np.uint8)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x_train=x[:20], y_train=np.arange(20) % 3, x_test=x[20:], y_test=np.arange(10) % 3)
        data = opened(tmp_path / "a.npz")
        assert sizes(data) == {"train": 20, "test": 10} and labels(data)[:3] == ["0", "1", "2"]
        assert data.pictures is not None and (data.pictures.array(25) == x[25]).all()
        assert "(height, width, channels)" in data.recognised.why


@pytest.mark.parametrize(
    "shape, dtype, kind, order",
    [
        ((9, 3, 16, 16), "f4", "images", "(channels, height, width)"),
        ((9, 16, 16, 1), "f4", "images", "(height, width, channels)"),
        ((9, 13, 16, 16), "f4", "images", "(channels, height, width)"),
        ((9, 28, 28), "f4", "images", "(height, width)"),
        ((9, 20, 30), "u1", "images", "(height, width)"),
        ((9, 128, 9), "f4", "series", "128 steps of 9 channels"),
        ((9, 3, 100), "f4", "series", "100 steps of 3 channels"),
        ((9, 5), "f4", "table", "rows of 5 columns"),
    ],
)
def test_axes_are_told_by_shape_and_type(tmp_path: Path, shape: tuple, dtype: str, kind: str, order: str) -> None:
    values = RNG.normal(size=shape).astype("f4") if dtype == "f4" else RNG.integers(0, 255, shape).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    data = opened(tmp_path / "x.npy")
    assert data.recognised.kind == kind and order in data.recognised.why
    if data.series is not None:
        assert data.series(0).shape == (min(shape[1:]), max(shape[1:]))
        assert np.array_equal(data.series(4), values[4].T if shape[1] > shape[2] else values[4])


def test_the_kind_can_be_overruled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.integers(0, 255, (9, 784)).astype(np.uint8))
    said = opened(tmp_path / "x.npy")
    assert said.recognised.kind == "table" and "28 x 28 pixels, say --kind images" in said.recognised.why
    data = opened(tmp_path / "x.npy", kind="images")
    assert data.pictures is not None and data.pictures.array(0).shape == (28, 28)
    series = opened(tmp_path / "x.npy", kind="series")
    assert series.series is not None and series.series(0).shape == (1, 784)
    with pytest.raises(SourceError, match="cannot be read as text"):
        opened(tmp_path / "x.npy", kind="text")


def test_labels_may_lie_beside_be_one_hot_or_be_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "X_train.npy", RNG.normal(size=(20, 4)))
    np.save(tmp_path / "y_train.npy", RNG.normal(size=20))
    data = opened(tmp_path / "X_train.npy")
    assert data.recognised.task == "number" and data.recognised.target == "y"
    assert data.notes == ("the labels are read from y_train.npy, which lies beside it",)
    np.savez(tmp_path / "h.npz", data=RNG.normal(size=(20, 4)), labels=np.eye(4)[np.arange(20) % 4])
    assert labels(opened(tmp_path / "h.npz")) == ["0", "1", "2", "3"] * 5
    np.savez(tmp_path / "n.npz", data=np.zeros((6, 2)), target=np.arange(6) % 2, target_names=np.array(["no", "yes"]))
    assert labels(opened(tmp_path / "n.npz")) == ["no", "yes"] * 3
    np.savez(tmp_path / "c.npz", x=np.zeros((400, 2)), y=np.arange(400) % 120)
    assert opened(tmp_path / "c.npz").recognised.task == "classes"
    np.savez(tmp_path / "d.npz", x=np.zeros((400, 2)), y=np.arange(400) * 7 % 1000)
    assert opened(tmp_path / "d.npz").recognised.task == "number"


def test_arrays_in_memory() -> None:
    x, y = RNG.normal(size=(12, 3)), np.arange(12) % 2
    for data in (opened((x, y)), opened({"x": x, "y": y})):
        assert list(data.roles) == ["x0", "x1", "x2", "y"] and labels(data) == ["0", "1"] * 6
    assert sizes(opened(((x, y), (x[:5], y[:5])))) == {"train": 12, "test": 5}
    with pytest.raises(SourceError, match="x has 12 examples and its labels 11"):
        opened((x, y[1:]))


def test_arrays_that_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "object.npy", np.array([1, None], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="an array of Python objects, which numpy pickles: trainloud never unpickles"):
        opened(tmp_path / "object.npy")
    np.save(tmp_path / "wide.npy", np.zeros((2, 1_000_000), np.uint8))
    with pytest.raises(SourceError, match="wide has 1,000,000 columns; trainloud reads tables of at most 20,000"):
        opened(tmp_path / "wide.npy")
    np.save(tmp_path / "five.npy", np.zeros((2, 2, 2, 2, 2)))
    with pytest.raises(SourceError, match="has 5 axes; rows have 2, series 3, pictures 3 or 4"):
        opened(tmp_path / "five.npy")
    np.save(tmp_path / "cut.npy", RNG.normal(size=(40, 16, 16)))
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[: len(whole) // 2])
    data = opened(tmp_path / "cut.npy")
    assert len(data) == 19 and "19 whole examples of 40" in data.troubles[0].what


def test_a_bomb_inside_an_npz_is_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainloud.data.sources.pictures.arrays.LARGE", 1 << 20)
    np.savez_compressed(tmp_path / "b.npz", x=np.zeros((100, 200, 200), np.uint8), y=np.arange(100) % 2)
    with pytest.raises(SourceError, match=r"x: 4,000,128 bytes out of [\d,]+, over 500 times as many"):
        opened(tmp_path / "b.npz")


# torch --------------------------------------------------------------------------------------------------------------


class Items:
    """Anything with items and a length."""

    def __init__(self, get: Callable[[int], Any], length: int, **more: Any):
        self._get, self._length = get, length
        self.__dict__.update(more)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, i: int) -> Any:
        return self._get(i)


def test_items_of_many_forms() -> None:
    torch = pytest.importorskip("torch")
    pixels = RNG.integers(0, 255, (12, 3, 9, 9), dtype=np.uint8)
    data = opened(Items(lambda i: (torch.from_numpy(pixels[i]) / 255, i % 3), 12, classes=["a", "b", "c"]))
    assert data.recognised.kind == "images" and labels(data) == ["a", "b", "c"] * 4
    assert data.pictures is not None and data.pictures.array(2).shape == (9, 9, 3)
    assert np.allclose(data.pictures.array(2), np.moveaxis(pixels[2], 0, 2) / 255)
    pillow = opened(Items(lambda i: {"image": Image.fromarray(pixels[i].transpose(1, 2, 0)), "label": i % 2}, 12))
    assert pillow.pictures is not None and (pillow.pictures.array(7) == pixels[7].transpose(1, 2, 0)).all()
    varied = opened(Items(lambda i: (torch.zeros(3, 8 + i, 8), i % 2), 12))
    assert varied.pictures is not None and varied.pictures.array(11).shape == (19, 8, 3)
    series = opened(Items(lambda i: (torch.ones(50 + i, 3) * i, i % 2), 12))
    assert series.series is not None and series.series(4).shape == (3, 54)
    text = opened(Items(lambda i: (f"text {i}", "yes" if i % 2 else "no"), 12))
    assert text.recognised.kind == "text" and text.roles["text"] == "text" and labels(text)[0] == "no"
    table = opened(Items(lambda i: {"age": i, "job": "xy"[i % 2], "label": i % 2}, 12))
    assert table.roles == {"age": "number", "job": "category", "label": "category"}
    number = opened(torch.utils.data.TensorDataset(torch.rand(30, 4), torch.rand(30)))
    assert number.recognised.task == "number" and len(number.roles) == 5
    cut = opened(Items(lambda i: (torch.zeros(1, 8, 8), torch.zeros(8, 8).long()), 12))
    assert cut.recognised.task == "segmentation" and cut.masks is not None and len(cut.masks) == 12


def test_parts_and_walks_and_calls() -> None:
    torch = pytest.importorskip("torch")

    class Walk(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            yield from ((torch.ones(5) * i, i % 2) for i in range(30))

    assert len(opened(Walk())) == 30
    one = Items(lambda i: (torch.ones(4) * i, i % 2), 12)
    assert sizes(opened({"train": one, "validation": one})) == {"train": 12, "val": 12}
    assert len(opened(lambda: one)) == 12
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(10, 3)), batch_size=4)
    assert len(opened(loader)) == 10


def test_reading_items_changes_no_random_state_and_says_what_changes() -> None:
    torch = pytest.importorskip("torch")
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    before = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    augmented = Items(lambda i: (torch.rand(3, 8, 8) + np.random.rand() + random.random(), i % 2), 40)
    first, second = opened(augmented), opened(augmented)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == before
    assert first.identity == second.identity and first.identity
    assert "8 of 8 items differ when they are read a second time" in first.notes[0]
    assert not opened(Items(lambda i: (torch.ones(3, 8, 8) * i, i % 2), 40)).notes


def test_items_that_fail_are_told_and_the_rest_is_read() -> None:
    torch = pytest.importorskip("torch")

    def get(i: int) -> Any:
        if i % 10 == 3:
            raise ValueError("boom")
        return torch.zeros(3, 8, 8), i % 2

    data = opened(Items(get, 40))
    assert len(data) == 36 and [t.name for t in data.troubles] == ["Items[3]", "Items[13]", "Items[23]", "Items[33]"]
    assert data.name_of(3) == "Items[4]" and "raised ValueError: boom" in data.troubles[0].what
    with pytest.raises(SourceError, match="no item in it that can be read: reading it raised ZeroDivisionError"):
        opened(Items(lambda i: 1 / 0, 1000))
    with pytest.raises(SourceError, match="several kinds: 20 of texts, 20 of arrays of 3 axes"):
        opened(Items(lambda i: (torch.zeros(3, 8, 8) if i % 2 else "words", 1), 40))


def test_a_module_attribute_is_imported_and_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "my_data_module.py").write_text(
        "import torch\nfrom torch.utils.data import TensorDataset\n"
        "def make(size=20):\n    return TensorDataset(torch.ones(size, 3), torch.arange(size) % 4)\n"
        "whole = make(8)\n"
    )
    assert len(opened("my_data_module:make")) == 20 and len(opened("my_data_module:whole")) == 8
    (tmp_path / "my_broken_module.py").write_text("raise OSError('no disk')\n")
    with pytest.raises(SourceError, match="importing my_broken_module raised OSError: no disk"):
        opened("my_broken_module:make")


def test_tensors_in_a_file_and_nothing_else(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"images": torch.rand(12, 1, 8, 8), "labels": torch.arange(12) % 3}, tmp_path / "a.pt")
    assert labels(opened(tmp_path / "a.pt")) == ["0", "1", "2"] * 4
    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    with pytest.raises(SourceError, match=r"it asks for torch\.nn\.modules\.linear\.Linear"):
        opened(tmp_path / "m.pt")
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(SourceError, match="2 tensors named as the weights of a network are"):
        opened(tmp_path / "w.pt")


def test_an_archive_may_be_read_by_several_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    made = {f"{c}/{i:03}.png": picture(24) for c in "ab" for i in range(60)}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as f:
        for name, content in made.items():
            f.writestr(name, content)
    data = opened(tmp_path / "a.zip")
    assert data.pictures is not None
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(data.pictures.encoded, range(120))) == [made[n] for n in names(data)]
