"""Script and language of many texts at once: by the first bytes of their characters, and by their commonest words."""

import numpy as np

from trainloud.data.methods.spans import counts, span_hashes

SCRIPTS = ("Latin", "Greek", "Cyrillic", "Hebrew", "Arabic", "South Asian", "Han or Kana", "Hangul")
_RANGES = (  # script -> first and last lead byte in UTF-8
    (0, 0xC3, 0xCB),
    (1, 0xCD, 0xCF),
    (2, 0xD0, 0xD4),
    (3, 0xD6, 0xD7),
    (4, 0xD8, 0xDD),
    (5, 0xE0, 0xE0),
    (6, 0xE3, 0xE9),
    (7, 0xEA, 0xED),
)
# The commonest function words, those left out that two of the languages share.
_COMMON = {
    "English": "the of and to that it was for with his they this have from not but what were when there your",
    "German": "der die und das ist nicht ich ein zu mit dem sich auf eine auch wird von den im als",
    "French": "le les et est une dans que pour pas il sur au avec ce vous qui nous mais sont je",
    "Spanish": "el los y las una por del se lo como pero sus muy esta este cuando hay ya su también",
    "Italian": "il di che e non per gli della sono più nel anche questo alla ma ho io mi ha dei",
    "Portuguese": "o os não uma em um do da dos mas ele ao foi você eu isso também muito são na",
    "Dutch": "het een van niet ik dat zijn op te voor met er aan maar ook wij naar hij door heeft",
}
LANGUAGES = tuple(_COMMON)
LEAST_WORDS = 3  # common words of a language in a text before it is told
LEAST_LEAD = 2.0  # times as many as of the next language


def script_letters(data: np.ndarray, offsets: np.ndarray, latin: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """(n, scripts) int32: letters of each script in each text; `latin` counts A to Z, `wide` characters beyond "
    "ASCII."""
    out: np.ndarray = np.zeros((len(offsets) - 1, len(SCRIPTS)), np.int32)
    out[:, 0] = latin
    if wide.any():
        for script, first, last in _RANGES:
            out[:, script] += counts((data >= first) & (data <= last), offsets).astype(np.int32)
    return out


def _vocabulary() -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all common words, ascending, and the language of each."""
    pairs = [(w.encode(), i) for i, words in enumerate(_COMMON.values()) for w in words.split()]
    data = np.frombuffer(b"".join(w for w, _ in pairs), np.uint8)
    lengths = np.array([len(w) for w, _ in pairs])
    hashes = span_hashes(data, np.cumsum(lengths) - lengths, lengths)
    order = np.argsort(hashes)
    return hashes[order], np.array([i for _, i in pairs])[order]


def language(hashes: np.ndarray, text: np.ndarray, number: np.ndarray) -> np.ndarray:
    """(n,) int32 code in LANGUAGES of each text, -1 where its words do not tell: `hashes` (m,) of its words in lower
    case, `text` (m,) the number of the text that each is in, `number` (n,) words in each text."""
    known, of = _vocabulary()
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    hit = known[at] == hashes
    size = len(LANGUAGES)
    votes = np.bincount(text[hit] * size + of[at[hit]], minlength=len(number) * size).reshape(-1, size)
    ranked = np.sort(votes, axis=1)
    sure = (ranked[:, -1] >= LEAST_WORDS) & (ranked[:, -1] >= LEAST_LEAD * np.maximum(ranked[:, -2], 1))
    return np.where(sure, votes.argmax(axis=1), -1).astype(np.int32)
