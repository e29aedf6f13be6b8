"""A folder or an archive of text files: one text a file, its class the folder that holds it.

Files without class folders are texts without a target; a few long ones, or files named after splits ("wiki.train.txt",
"valid.txt"), are streams of characters, each line or paragraph a row.
"""

import bz2
import gzip
import io
import lzma
import os
import re
from collections import Counter
from collections.abc import Sequence
from typing import IO

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Recognised
from trainloud.core.words import plural
from trainloud.data.dataset import Asked, Dataset, Limits, Role, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.tree import Entry, Tree, glance, is_tree, parts_of, printable, tree_of
from trainloud.data.sources.pictures.layout import SPLIT_WORDS, Folder, Meaning, in_order, layout
from trainloud.data.sources.place import CODE, Place
from trainloud.data.sources.texts.decoding import BINARY, Decoder, binary_share, guessed
from trainloud.data.sources.texts.gathered import Gathered
from trainloud.data.sources.texts.plain_text import MOST, SUFFIXES, Rows, dataset

TEXTS = 0.6  # share of the files that must be texts by their names
LOOKED_AT = 16  # files without a known suffix whose first bytes are looked at
LONGEST = 16 << 20  # bytes of one text that are read
TOLD = 100  # troubles of one kind that are told one by one
STREAMS = 20  # files at most, and
STREAM_BYTES = 20_000  # bytes a file at least, that make a folder without classes a few streams of characters
UNLABELLED = frozenset({"unsup", "unlabeled", "unlabelled", "unlabelled_data", "unlabeled_data"})
DOCUMENTS = re.compile(r"(?i)^(readme|license|licence|copying|notice|changelog|citation|authors|vocab)(?![a-z])")
BESIDE = 0.05  # share of the texts that may lie beside class folders and are no examples
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def _suffix(name: str) -> str:
    stem, last = os.path.splitext(name.lower())
    return os.path.splitext(stem)[1] if last in PACKED else last


def _may_be_text(name: str) -> bool:
    """By its name: a known suffix, or none but a number ("51060", "mail.0042")."""
    last = name.rsplit("/", 1)[-1]
    suffix = _suffix(last)
    return suffix in SUFFIXES or not suffix or suffix[1:].isdigit()


def _is_code(name: str) -> bool:
    return os.path.splitext(name.lower())[1] in CODE


def asked_for(place: Place, asked: Asked) -> bool:
    """Source code is texts where the person says so."""
    if asked.kind != "text" or not is_tree(place):
        return False
    names = [n for n in glance(place) if _counts_as_file(n)]
    return sum(map(_is_code, names)) > TEXTS * len(names)


def _counts_as_file(name: str) -> bool:
    return not any(p.startswith((".", "__MACOSX")) for p in parts_of(name))


def recognises(place: Place) -> str:
    if not is_tree(place):
        return ""
    names = [n for n in glance(place) if _counts_as_file(n)]
    texts = [n for n in names if _may_be_text(n)]
    if not texts or len(texts) < TEXTS * len(names):
        return ""
    named = sum(_suffix(n.rsplit("/", 1)[-1]) in SUFFIXES for n in texts)
    if named < TEXTS * len(names):
        tree = tree_of(place, Limits())
        plain = [e for e in tree.entries if _counts_as_file(e.name) and _may_be_text(e.name)]
        sample = plain[:: max(len(plain) // LOOKED_AT, 1)][:LOOKED_AT]
        if sum(_is_text(tree, e) for e in sample) < TEXTS * len(sample):
            return ""
    return f"{len(texts):,} of {len(names):,} files are texts"


def _is_text(tree: Tree, entry: Entry) -> bool:
    try:
        head = tree.head(entry, 4096)
    except OSError:
        return False
    encoding, mark = guessed(head)
    return bool(head) and binary_share(head[mark:], encoding) <= BINARY


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    if asked.kind and asked.kind not in ("characters", "text"):
        raise SourceError(f"{place}: a folder of texts is no {asked.kind}")
    tree = tree_of(place, limits)
    entries, strays = _sorted_out(tree, asked_for(place, asked) or _like_code(asked))
    counts = Counter(parts_of(e.name)[:-1] for e in entries)
    straight = {folder: _stripped(folder, counts) for folder in counts}
    plan = layout({straight[f]: n for f, n in counts.items()}, place.path.name if place.path else "")
    if len(plan.classes) < 2:
        streams = _streams(entries, asked)
        if streams:
            return _characters(place, tree, entries, streams, asked, limits)
    meanings = {f: plan.meanings[straight[f]] for f in counts}
    beside = [e for e in entries if meanings[parts_of(e.name)[:-1]].label is None]
    if plan.classes and len(beside) < BESIDE * len(entries):
        strays += [
            Trouble("stray-file", printable(e.name), "beside the folders of classes, not in one") for e in beside
        ]
        entries = [e for e in entries if meanings[parts_of(e.name)[:-1]].label is not None]
    return _texts(place, tree, entries, meanings, plan.why.replace("pictures", "texts"), strays, asked, limits)


def _like_code(asked: Asked) -> bool:
    """Whether the first part is source code."""
    return asked.like is not None and len(asked.like) > 0 and _is_code(asked.like.name_of(0))


def _sorted_out(tree: Tree, code: bool = False) -> tuple[list[Entry], list[Trouble]]:
    """The entries that are texts, and what else lies there."""
    entries, strays = [], []
    counted = [e for e in tree.entries if _counts_as_file(e.name)]
    for e in counted:
        last = parts_of(e.name)[-1]
        if not (_is_code(e.name) if code else _may_be_text(e.name)):
            strays.append(Trouble("stray-file", printable(e.name), f"no text by its name, {e.size:,} bytes"))
        elif DOCUMENTS.match(last) and len(counted) > 1:
            strays.append(Trouble("stray-file", printable(e.name), "by its name no example but a description"))
        else:
            entries.append(e)
    if not entries:
        raise SourceError("none of the files is a text")
    return entries, strays


def _stripped(folder: tuple[str, ...], all_of: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    """The path with what all folders of the highest level that differ begin with left out: "20news-bydate-train" and
    "20news-bydate-test" are "train" and "test"."""
    depth = 0
    while all(len(f) > depth for f in all_of) and len({f[depth] for f in all_of}) == 1:
        depth += 1
    heads = {f[depth] for f in all_of if len(f) > depth}
    low, high = min(heads, default=""), max(heads, default="")
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), 0)
    common = re.sub(r"[^-_. ]+$", "", low[:same])
    if not common or len(folder) <= depth or not all(h[len(common) :].lower() in SPLIT_WORDS for h in heads):
        return folder
    return (*folder[:depth], folder[depth][len(common) :], *folder[depth + 1 :])


# texts --------------------------------------------------------------------------------------------------------------


def _texts(
    place: Place,
    tree: Tree,
    entries: Sequence[Entry],
    meanings: dict[Folder, Meaning],
    why: str,
    troubles: list[Trouble],
    asked: Asked,
    limits: Limits,
) -> Dataset:
    gathered, kept, encodings = Gathered(limits), [], Counter[str]()
    told: Counter[str] = Counter()
    for entry in entries:
        data, met, encoding = _one(tree, entry, asked.encoding)
        for trouble in met:
            told[trouble.kind] += 1
            if told[trouble.kind] <= TOLD:
                troubles.append(trouble)
        if data is not None:
            gathered.text(data)
            kept.append(entry)
            encodings[encoding] += 1
    troubles += [
        Trouble(kind, str(place), f"{n - TOLD:,} more files with such trouble") for kind, n in told.items() if n > TOLD
    ]
    if not kept:
        raise SourceError(f"{place}: none of {len(entries):,} files can be read as a text")
    parts = [meanings[parts_of(e.name)[:-1]] for e in kept]
    labels = [None if r.label is None or r.label.lower() in UNLABELLED else printable(r.label) for r in parts]
    splits = tuple(in_order({r.split for r in parts}))
    columns: dict[str, pa.ChunkedArray] = {"text": gathered.column()}
    roles_of: dict[str, Role] = {"text": "text"}
    target = "folder" if len(set(labels) - {None}) > 1 else ""
    if target:
        coded = pa.array(labels, pa.string()).dictionary_encode()
        columns[target], roles_of[target] = pa.chunked_array([coded]), "category"
    names = [printable(e.name) for e in kept]
    return Dataset(
        Recognised(
            "text",
            "classes" if target else "none",
            target,
            why=f"{len(kept):,} text files; {why}",
            form=f"{tree.form} of text files, {', '.join(encodings)}",
        ),
        pa.table(columns),
        np.array([splits.index(r.split) for r in parts], np.int16),
        splits,
        place.identity(),
        names.__getitem__,
        roles_of,
        text="text",
        troubles=(*tree.troubles, *troubles),
        notes=_unlabelled(labels, parts),
    )


def _one(tree: Tree, entry: Entry, encoding: str) -> tuple[bytes | None, list[Trouble], str]:
    """The text of a file as UTF-8, None where it is none; what was met; its encoding."""
    name = printable(entry.name)
    decoder = Decoder(name, encoding)
    try:
        data = b"".join(decoder.pieces(_file(tree, entry, LONGEST), LONGEST))
    except SourceError as error:
        return None, [Trouble("unreadable", name, str(error).removeprefix(f"{name}: "))], ""
    except (OSError, EOFError, lzma.LZMAError) as error:
        return None, [Trouble("unreadable", name, str(error))], ""
    if not data.strip():
        decoder.troubles.append(Trouble("empty-text", name, f"no text in its {entry.size:,} bytes"))
    return data.strip(b"\n"), decoder.troubles, decoder.encoding


def _file(tree: Tree, entry: Entry, most: int) -> IO[bytes]:
    """The file's bytes, unpacked where its own last suffix says that they are packed. Raises OSError."""
    raw = io.BytesIO(tree.head(entry, most + 1))
    packer = PACKED.get(os.path.splitext(entry.name.lower())[1])
    return packer(raw) if packer else raw  # type: ignore[return-value,operator]


def _unlabelled(labels: Sequence[str | None], parts: Sequence[Meaning]) -> tuple[str, ...]:
    named = Counter(r.label for r, label in zip(parts, labels, strict=True) if r.label and label is None)
    return tuple(
        f"{plural(n, 'text')} in folders named {name!r} {'is' if n == 1 else 'are'} taken to have no label"
        for name, n in named.items()
    )


# streams of characters ----------------------------------------------------------------------------------------------


def _streams(entries: Sequence[Entry], asked: Asked) -> dict[str, str] | None:
    """Entry name -> split, where the files are streams of characters; None where they are texts."""
    named = {e.name: _split_of_file(e.name) for e in entries}
    found = list(named.values())
    if all(found) and len(set(found)) == len(found):
        return named
    few = len(entries) <= STREAMS and sum(e.size for e in entries) >= STREAM_BYTES * len(entries)
    one = len(entries) == 1
    return dict.fromkeys(named, "") if asked.kind == "characters" or ((few or one) and asked.kind != "text") else None


def _split_of_file(name: str) -> str:
    """ "wiki.valid.tokens" -> "val"; "" if its name says no split, or several."""
    words = re.split(r"[^a-z]+", name.rsplit("/", 1)[-1].lower())
    told = {SPLIT_WORDS[w] for w in words if w in SPLIT_WORDS}
    return told.pop() if len(told) == 1 else ""


def _characters(
    place: Place, tree: Tree, entries: Sequence[Entry], split_of: dict[str, str], asked: Asked, limits: Limits
) -> Dataset:
    rows = Rows(limits)
    bounds = []
    for entry in entries:
        name = printable(entry.name)
        with rows.reading(name, asked.encoding) as decoder:
            try:
                for piece in decoder.pieces(_file(tree, entry, MOST), MOST):
                    rows.add(piece)
            except (OSError, EOFError, lzma.LZMAError) as error:
                decoder.troubles.append(Trouble("unreadable", name, str(error)))
        bounds.append(len(rows.texts))
    if not len(rows.texts):
        raise SourceError(f"{place}: no text in its {len(entries)} files")
    whole = dataset(rows, "characters", f"{len(entries)} text files without classes", tree.form, place.identity())
    whole.splits = tuple(in_order(set(split_of.values())))
    sizes = np.diff(np.concatenate([[0], bounds]))
    whole.split = np.repeat([whole.splits.index(split_of[e.name]) for e in entries], sizes).astype(np.int16)
    whole.troubles = (*tree.troubles, *whole.troubles)
    return whole


SOURCE = Source("folder of texts", recognises, read, order=60, asked_for=asked_for)
