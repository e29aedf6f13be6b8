"""Does any picture show, though its file is damaged?

Why it matters: most readers pass over damage that still gives a picture: blocks that are shifted or discoloured from
one place on, later frames that are missing. The network learns from what its author has never seen.

Remedy: look at the pictures shown and fetch the files again. Files that only break a rule of their format (a missing
end marker, padding before it) show every pixel and can be saved anew by any program; Pillow refuses a JPEG without its
end marker.

Known limits: single flipped bits in the coded pixels of a baseline JPEG mostly leave no trace that a decoder could
see. Formats without checksums (BMP, uncompressed TIFF, PPM) cannot show changed pixels at all.

Source: libjpeg's `jerror.h`, messages JWRN_HIT_MARKER, JWRN_EXTRANEOUS_DATA, JWRN_HUFF_BAD_CODE; PNG specification,
section 5.3 (CRC); GIF89a specification, section 27 (trailer).
"""

from trainloud.core.finding import Finding, fired, passed
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split, remarked, tally
from trainloud.data.measure.decode import DAMAGED, ODD
from trainloud.data.survey import Survey


def judge(survey: Survey) -> Finding:
    damaged, odd = remarked(survey, DAMAGED), remarked(survey, ODD)
    odd = {row: what for row, what in odd.items() if row not in damaged}
    if not damaged and not odd:
        return passed(f"no decoder complained about any of {len(survey):,} pictures", damaged=0)
    said = []
    if damaged:
        where = by_split(survey, list(damaged))
        said.append(f"{len(damaged):,} of {len(survey):,} pictures show, but their files are damaged{where}")
    if odd:
        kinds = tally(what.split(";")[0] for what in odd.values())
        said.append(f"{len(odd):,} of {len(survey):,} files break a rule of their format and lose no pixel: {kinds}")
    exhibits = [
        survey.exhibit(caption, rows[:SHOWN], [found[r] for r in rows[:SHOWN]], total=len(rows))
        for caption, found in (("damaged", damaged), ("every pixel is there", odd))
        if (rows := sorted(found))
    ]
    return fired(
        "; ".join(said),
        "files that a strict decoder reads without a complaint",
        severity="warning" if damaged else "note",
        exhibits=exhibits,
        damaged=len(damaged),
        against_the_format=len(odd),
        names=[survey.data.name_of(r) for r in sorted(damaged | odd)[:TOLD]],
    )


INSPECTOR = Inspector(fault="damaged-files", severity="warning", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    files = pictures(folder)
    # The checksum of the pixels' chunk no longer fits; the pixels still unpack.
    data = bytearray(files[1].read_bytes())
    at = data.index(b"IDAT")
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    data[end] ^= 1
    files[1].write_bytes(bytes(data))
    return ["data"]


def good(folder):
    pictures(folder)
    return ["data"]
