"""Whatever is thrown at it: nothing is lost without a word, nothing is executed, nothing is expanded, nothing hangs."""

import gzip
import io
import os
import pickle
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import open_dataset
from trainloud.data.sources.files.tree import MOST_BYTES

HEADER = b"\x89PNG"


def picture() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


PNG = picture()


def opened(data: Any, **said: Any) -> Dataset:
    return open_dataset(data, Asked(**said), Limits())


def names(data: Dataset) -> list[str]:
    return [data.name_of(i) for i in range(len(data))]


def told(data: Dataset) -> dict[str, tuple[str, str]]:
    return {t.name: (t.kind, t.what) for t in data.troubles}


def readable(data: Dataset) -> bool:
    assert data.pictures is not None
    return all((data.pictures.encoded(i) or b"")[:4] == HEADER for i in range(len(data)))


def classes(folder: Path, count: int = 4) -> Path:
    for c in "ab":
        (folder / c).mkdir(parents=True)
        for i in range(count):
            (folder / c / f"{i}.png").write_bytes(PNG)
    return folder


def zipped(path: Path, more: Callable[[zipfile.ZipFile], None], compress: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as f:
        for c in "ab":
            for i in range(4):
                f.writestr(f"{c}/{i}.png", PNG)
        more(f)
    return path


# folders ------------------------------------------------------------------------------------------------------------


def test_nothing_one_picture_and_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the folder is empty"):
        opened(tmp_path)
    with pytest.raises(SourceError, match="no such file or folder"):
        opened(tmp_path / "missing")
    (tmp_path / "a.png").write_bytes(PNG)
    assert len(opened(tmp_path)) == 1 and opened(tmp_path).recognised.task == "none"


def test_links_are_followed_inside_only_and_never_in_circles(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/s.png").write_bytes(PNG)
    data = classes(tmp_path / "data")
    for name, target in {
        "a/in.png": "../b/1.png",
        "a/out.png": "../../secret/s.png",
        "out": "../secret",
        "a/loop": "..",
        "a/self.png": "self.png",
        "a/dead.png": "nowhere.png",
        "c": "a",
        "data2": "../data-not-inside",
    }.items():
        (data / name).symlink_to(target)
    (tmp_path / "data-not-inside").mkdir()
    found = opened(data)
    assert readable(found) and "a/in.png" in names(found) and "c/in.png" in names(found)
    assert len(found) == 4 + 1 + 4 + 5
    kinds = {name: kind for name, (kind, _) in told(found).items()}
    assert kinds["a/out.png"] == kinds["out"] == kinds["data2"] == "outside-link"
    assert kinds["a/loop"] == "link-loop" and kinds["a/dead.png"] == "broken-link"
    assert "secret" not in "".join(names(found))
    assert told(found)["out"][1] == "a link to ../secret, outside of the folder: not followed"


def test_the_folder_that_was_named_may_be_a_link(tmp_path: Path) -> None:
    classes(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert len(opened(tmp_path / "link")) == 8


def test_pipes_sockets_and_devices_are_not_opened(tmp_path: Path) -> None:
    classes(tmp_path)
    os.mkfifo(tmp_path / "a/pipe.png")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)  # the name of a socket may only be short
    try:
        server.bind("a/socket.png")
    finally:
        os.chdir(here)
    data = opened(tmp_path)
    server.close()
    assert len(data) == 8
    assert {t.name: t.what for t in data.troubles} == {
        "a/pipe.png": "a pipe, not opened",
        "a/socket.png": "a socket, not opened",
    }


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    odd = [b"<script>alert(1)<", b"new\nline", b"esc\x1b[31m", b"bad\xff\xfe", b"\xe2\x80\xaertl", b'quo"te', b" "]
    for name in odd:
        folder = os.fsencode(tmp_path) + b"/" + name
        os.mkdir(folder)
        for i in range(2):
            with open(folder + b"/%d\xe9.png" % i, "wb") as f:
                f.write(PNG)
    data = opened(tmp_path)
    assert len(data) == 14 and readable(data)
    words = set(data.table.column("class").to_pylist())
    assert words == {n.decode("utf-8", "backslashreplace") for n in odd}
    "".join(names(data)).encode()  # what is shown can be written


def test_what_may_not_be_read_is_said_or_raises_oserror_for_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes(tmp_path)
    (tmp_path / "closed").mkdir()
    (tmp_path / "a/notes").write_text("x")
    scandir, open_ = os.scandir, os.open

    def no_entry(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def no_reading(path: Any, *args: Any, **kwargs: Any) -> Any:
        if str(path).endswith(("a/0.png", "a/notes")):
            raise PermissionError(13, "Permission denied")
        return open_(path, *args, **kwargs)

    monkeypatch.setattr(os, "scandir", no_entry)
    monkeypatch.setattr(os, "open", no_reading)
    data = opened(tmp_path)
    assert told(data) == {
        "closed/": ("unreadable", "the folder cannot be read: Permission denied"),
        "a/notes": ("unreadable", "Permission denied"),
    }
    assert len(data) == 8 and data.pictures is not None
    with pytest.raises(PermissionError):
        data.pictures.encoded(0)


def test_a_file_beyond_the_cap_is_not_read(tmp_path: Path) -> None:
    classes(tmp_path)
    with (tmp_path / "a/0.png").open("wb") as f:
        f.truncate(MOST_BYTES + 1)  # sparse: it takes no room
    data = opened(tmp_path)
    assert data.pictures is not None
    with pytest.raises(OSError, match="536,870,913 bytes, more than the 536,870,912 that are read of one file"):
        data.pictures.encoded(0)


def test_thousands_of_files_are_listed(tmp_path: Path) -> None:
    classes(tmp_path, 1500)
    assert len(opened(tmp_path)) == 3000


# zip ----------------------------------------------------------------------------------------------------------------


def test_bombs_in_a_zip_are_not_expanded(tmp_path: Path) -> None:
    def more(f: zipfile.ZipFile) -> None:
        f.writestr("a/zeros.png", bytes(70 << 20))
        f.writestr("a/huge.png", b"\0" * 1000)

    path = zipped(tmp_path / "bomb.zip", more)
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"a/huge.png") - 46  # its entry in the table of contents
    assert raw[at : at + 4] == b"PK\x01\x02"
    raw[at + 24 : at + 28] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(raw)
    data = opened(path)
    assert len(data) == 8 and readable(data)
    assert told(data)["a/huge.png"][1].startswith("4,000,000,000 bytes when expanded, more than the 536,870,912")
    assert told(data)["a/zeros.png"][1].startswith("73,400,320 bytes out of ")


def test_a_size_that_lies_low_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", lambda f: f.writestr("a/liar.png", bytes(30 << 20)))
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"a/liar.png") - 46
    raw[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path.write_bytes(raw)
    data = opened(path)
    assert data.pictures is not None
    with pytest.raises(OSError, match="cannot be read from the archive"):
        data.pictures.encoded(names(data).index("a/liar.png"))


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "overlap.zip", lambda f: None, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"b/3.png") - 46
    first = raw.find(b"PK\x01\x02")
    raw[at + 42 : at + 46] = raw[first + 42 : first + 46]  # both say that they begin at the same place
    path.write_bytes(raw)
    data = opened(path)
    assert {n: k for n, (k, _) in told(data).items()} == {"a/0.png": "too-large", "b/3.png": "too-large"}


def test_zips_inside_a_zip_are_not_looked_into(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as f:
        f.writestr("0", bytes(1 << 20))
    with zipfile.ZipFile(tmp_path / "42.zip", "w") as f:
        for i in range(16):
            f.writestr(f"lib {i}.zip", inner.getvalue())
    with pytest.raises(SourceError, match=r"the archive holds 16 files \(16 .zip\), no data that trainloud knows"):
        opened(tmp_path / "42.zip")


def test_broken_empty_and_encrypted_zips(tmp_path: Path) -> None:
    path = zipped(tmp_path / "whole.zip", lambda f: None)
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="its table of contents, which stands at the end, cannot be read"):
        opened(tmp_path / "cut.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(SourceError, match="the archive holds no file that can be read"):
        opened(tmp_path / "empty.zip")
    (tmp_path / "no.zip").write_bytes(b"\0\1\2\3 something else")
    with pytest.raises(SourceError, match="no zip or tar archive, as its name says"):
        opened(tmp_path / "no.zip")
    raw = bytearray(path.read_bytes())
    at = -1
    while (at := raw.find(b"PK\x01\x02", at + 1)) >= 0:
        raw[at + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(raw)
    with pytest.raises(SourceError, match=r"no file in it is a picture \(8 encrypted; a/0.png: encrypted"):
        opened(tmp_path / "locked.zip")


def test_odd_names_and_links_in_a_zip(tmp_path: Path) -> None:
    def link(f: zipfile.ZipFile, name: str, target: str) -> None:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        f.writestr(info, target)

    def more(f: zipfile.ZipFile) -> None:
        f.writestr("/abs/0.png", PNG)
        f.writestr("../../up/0.png", PNG)
        f.writestr("__MACOSX/a/._0.png", b"x")
        link(f, "a/out.png", "/etc/passwd")
        link(f, "a/in.png", "../b/0.png")
        with pytest.warns(UserWarning, match="Duplicate"):
            f.writestr("a/0.png", PNG)

    data = opened(zipped(tmp_path / "odd.zip", more))
    assert {"/abs/0.png", "../../up/0.png", "a/in.png"} <= set(names(data)) and readable(data) and len(data) == 11
    assert {n: k for n, (k, _) in told(data).items()} == {
        "a/out.png": "outside-link",
        "a/0.png": "repeated-name",
        "__MACOSX/a/._0.png": "system-file",
    }
    assert list(tmp_path.iterdir()) == [tmp_path / "odd.zip"]
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as f:
        for c in "ab":
            for i in range(3):
                info = zipfile.ZipInfo("x")
                info.filename = f"data\\{c}\\{i}.png"
                f.writestr(info, PNG)
    assert opened(tmp_path / "windows.zip").table.column("class").to_pylist() == [*"aaabbb"]


def test_a_damaged_entry_raises_for_its_row_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", lambda f: None, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[raw.find(b"a/1.png") + 30] ^= 255
    path.write_bytes(raw)
    data = opened(path)
    assert data.pictures is not None
    with pytest.raises(OSError, match="Bad CRC"):
        data.pictures.encoded(1)
    assert data.pictures.encoded(2) == PNG


# tar ----------------------------------------------------------------------------------------------------------------


def tarred(path: Path, mode: str) -> Path:
    with tarfile.open(path, mode) as f:  # type: ignore[call-overload]

        def add(name: str, content: bytes = b"", **more: Any) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in more.items():
                setattr(info, key, value)
            f.addfile(info, io.BytesIO(content))

        for c in "ab":
            for i in range(4):
                add(f"./{c}/{i}.png", PNG)
        add("/abs/0.png", PNG)
        add("../../up/0.png", PNG)
        add("a/dev.png", type=tarfile.CHRTYPE)
        add("a/pipe.png", type=tarfile.FIFOTYPE)
        add("a/out.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add("./a/in.png", type=tarfile.SYMTYPE, linkname="../b/0.png")
        add("./a/hard.png", type=tarfile.LNKTYPE, linkname="./b/1.png")
        add("./a/away.png", type=tarfile.LNKTYPE, linkname="../../../etc/shadow")
        add("./a/0.png", PNG + b"later")
    return path


@pytest.mark.parametrize(
    "name, mode", [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tbz2", "w:bz2"), ("a.tar.xz", "w:xz")]
)
def test_tars_of_every_kind(tmp_path: Path, name: str, mode: str) -> None:
    data = opened(tarred(tmp_path / name, mode))
    assert readable(data) and len(data) == 12
    assert {"/abs/0.png", "../../up/0.png", "./a/in.png", "./a/hard.png"} <= set(names(data))
    assert data.pictures is not None
    assert data.pictures.encoded(names(data).index("./a/0.png")) == PNG + b"later"  # the last of a name
    assert {n: k for n, (k, _) in told(data).items()} == {
        "a/dev.png": "special-file",
        "a/pipe.png": "special-file",
        "a/out.png": "outside-link",
        "./a/away.png": "outside-link",
        "./a/0.png": "repeated-name",
    }
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("name, mode", [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_a_tar_that_breaks_off_gives_its_whole_files(tmp_path: Path, name: str, mode: str) -> None:
    path = tarred(tmp_path / name, mode)
    whole = path.read_bytes()
    path.write_bytes(whole[: 6 * 1024 + 700 if mode == "w" else len(whole) * 2 // 3])
    data = opened(path)
    assert 4 < len(data) < 12 and readable(data)
    (trouble,) = data.troubles
    assert trouble.kind == "truncated" and f"after {len(data)} whole ones" in trouble.what


def test_a_bomb_in_a_compressed_tar_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainloud.data.sources.files.archives.STREAM_LARGE", 1 << 20)
    with gzip.open(tmp_path / "b.tar.gz", "wb") as g, tarfile.open(fileobj=g, mode="w|") as f:
        for name, content in (("a/0.png", PNG), ("a/1.png", bytes(20 << 20)), ("b/2.png", PNG)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            f.addfile(info, io.BytesIO(content))
    data = opened(tmp_path / "b.tar.gz")
    assert names(data) == ["a/0.png"]
    assert told(data)["a/1.png"][0] == "too-large" and "over 200 times as many" in told(data)["a/1.png"][1]


def test_a_header_that_points_back_does_not_turn_in_circles(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    tarred(path, "w")
    raw = bytearray(path.read_bytes())
    at = 2 * 1024  # the header of the third file
    raw[at + 124 : at + 136] = b"\xff" * 8 + (-2048).to_bytes(4, "big", signed=True)
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = f"{sum(raw[at : at + 512]):06o}\0 ".encode()
    path.write_bytes(raw)
    data = opened(path)
    assert names(data) == ["./a/0.png", "./a/1.png"] and "truncated" in {t.kind for t in data.troubles}


def test_what_is_no_tar_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(range(256)) * 40))
    with pytest.raises(SourceError, match="no zip or tar archive, as its name says"):
        opened(tmp_path / "a.tar.gz")


# pickles ------------------------------------------------------------------------------------------------------------


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path):
        self._path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self._path,)


@pytest.mark.parametrize("name", ["e.pkl", "e.npy", "e.pt", "data_batch_1", "folder/data_batch_1", "e.npz", "e.joblib"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "EXECUTED"
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".npy"):
        np.save(path, np.array([Evil(mark)], dtype=object), allow_pickle=True)
    elif name.endswith(".npz"):
        np.savez(path, x=np.array([Evil(mark)], dtype=object))
    elif name.endswith(".pt"):
        pytest.importorskip("torch").save(Evil(mark), path)
    else:
        path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(SourceError, match="never unpickles"):
        opened(path.parent if name.startswith("folder") else path)
    assert not mark.exists()
