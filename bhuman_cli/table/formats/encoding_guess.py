"""Guess of the encoding of a text that is not Unicode: candidates, how well each explains the letters. Pure.

chardet proposes by how often letters follow each other; short lists of names mislead it. So each proposal is weighed by
what a reader of the language would notice: letters that no language of it has, signs inside words, capitals in their
middle, two scripts in one word.
"""

from __future__ import annotations

import codecs
import collections
import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MAX_CELLS, _MAX_CELL_BYTES = 300, 80
_NEAR: Final = 0.9
"""A second candidate that explains the letters nearly as well: a person has to look."""
_HOPELESS: Final = 0.45
_FEW: Final = 5
"""With fewer different letters than these, how often letters follow each other tells nothing."""
_NEAR_OF_FEW: Final = 0.75
# How often people meet them decides between equals.
_PRIORS: Final = {
    **dict.fromkeys(("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"), 1.0),
    **dict.fromkeys(("cp932", "gb18030", "big5", "cp949", "euc_jp", "cp874", "cp1258", "koi8_r"), 1.0),
    **dict.fromkeys(("iso8859_2", "iso8859_5", "iso8859_7", "iso8859_15", "koi8_u", "cp866", "iso8859_6"), 0.98),
    **dict.fromkeys(("mac_roman", "mac_cyrillic", "mac_latin2", "mac_greek", "mac_turkish", "cp850", "cp852"), 0.85),
    **dict.fromkeys(("cp437", "cp855", "cp857", "cp862", "cp865", "cp737", "cp775", "cp1125"), 0.82),
    **dict.fromkeys(("iso8859_13", "iso8859_4", "iso8859_10", "iso8859_8", "iso8859_3", "johab", "big5hkscs"), 0.8),
    **dict.fromkeys(("cp860", "cp861", "cp863", "cp864", "cp869", "mac_iceland"), 0.74),
}
_PARENTS: Final = {"iso8859_1": "cp1252", "iso8859_9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"} | {
    "euc_kr": "cp949", "shift_jis": "cp932", "tis_620": "cp874", "iso8859_11": "cp874", "ascii": "cp1252"
}  # fmt: skip
_SEVEN_BIT: Final = ("iso2022_jp_2", "iso2022_kr", "hz")
_WIDE: Final = frozenset({"cp932", "gb18030", "big5", "cp949", "euc_jp", "johab", "big5hkscs"})
_LATIN: Final = {
    "fr": "àâæçéèêëîïôœùûüÿ",
    "de": "äöüßé",
    "es": "áéíóúüñ",
    "ca": "àéèíòóúçïü",
    "pt": "ãáàâçéêíóôõúü",
    "it": "àèéìíîòóùú",
    "nl": "éëïöüèêç",
    "sv": "åäöéü",
    "da": "æøåéöü",
    "is": "áðéíóúýþæö",
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "ro": "ăâîşţșț",
    "hr": "čćđšž",
    "tr": "çğıöşüâîûi̇",
    "et": "õäöüšž",
    "lv": "āčēģīķļņšūžōŗ",
    "lt": "ąčęėįšųūž",
    "sq": "çë",
}
_WEST: Final = "".join(_LATIN[name] for name in ("fr", "de", "es", "pt", "it", "sv", "da"))
_EAST: Final = "".join(_LATIN[name] for name in ("pl", "cs", "sk", "hu", "hr", "ro"))
_CYRILLIC: Final = "абвгдежзийклмнопрстуфхцчшщ"
_SCRIPTS: Final = {
    "ru": f"{_CYRILLIC}ъыьэюяё",
    "uk": f"{_CYRILLIC}ьюяіїєґ",
    "bg": f"{_CYRILLIC}ъьюя",
    "be": f"{_CYRILLIC}ыьэюяёіў",
    "sr": "абвгдђежзијклљмнњопрстћуфхцчџшѓѕќ",
    "el": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",
    "he": "".join(map(chr, range(0x5D0, 0x5EB))),
    "ar": "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x653)))) + "پچژگیک",
    "th": "".join(map(chr, (*range(0xE01, 0xE3B), *range(0xE40, 0xE5C)))),
}
_ALPHABETS: Final = (
    *((1.0, frozenset(_LATIN[name])) for name in ("fr", "de", "es", "pt", "it", "nl", "sv", "da")),
    *((0.95, frozenset(_LATIN[name])) for name in ("pl", "cs", "hu", "ro", "tr")),
    *((0.88, frozenset(_LATIN[name])) for name in ("ca", "is", "sk", "hr", "et", "lv", "lt", "sq")),
    *((1.0, frozenset(letters)) for letters in _SCRIPTS.values()),
    (0.94, frozenset(_WEST)),
    (0.8, frozenset(_EAST)),
)
_BETWEEN: Final = frozenset("’‘'")
_BEFORE: Final = frozenset("“„«‹‚‘’–—\u00a0\u200c\u200d\u200e\u200f")
_BEHIND: Final = frozenset("”“»›’…–—®™©°ºª€\u00a0\u200c\u200d\u200e\u200f")
_USUAL: Final = _BETWEEN | _BEFORE | _BEHIND | {"·"}
_CELL: Final = re.compile(rb"[^,;\t|\r\n\"]*[\x80-\xff][^,;\t|\r\n\"]*")
_WORD: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to read the bytes. score: from 0 to 1, how well it explains the letters."""

    codec: str
    score: float
    text: str


def candidates(sample: bytes) -> list[Candidate]:
    """Return how the bytes may be read, the best first; those that read them alike are one.

    sample: the lines with other than ASCII bytes, or all of them where none has any.
    """
    if sample.isascii():
        return []
    telling = b"\n".join(_whole(cell) for cell in _CELL.findall(sample)[:_MAX_CELLS])
    proposals, is_few = _proposals(sample), _has_few(telling)
    best: dict[str, Candidate] = {}
    for codec, prior in _PRIORS.items():
        if (text := _decoded(sample, telling, codec)) is None:
            continue
        score = prior * _score(text, codec, proposals.get(codec, 0.0), heed=0.2 if is_few else 0.4)
        earlier = best.get(text)
        if earlier is None or score > earlier.score:  # of those that read it alike the most usual one is named
            best[text] = Candidate(codec=earlier.codec if earlier else codec, score=score, text=text)
    return sorted(best.values(), key=lambda each: -each.score)


def _whole(cell: bytes) -> bytes:
    """Return a cell's beginning, or that of the part around its first telling letter, cut between words."""
    if len(cell) <= _MAX_CELL_BYTES:
        return cell
    at = next(place for place, sign in enumerate(cell) if sign > 0x7F)
    start = cell.rfind(b" ", 0, at) + 1
    end = cell.find(b" ", max(at, start + _MAX_CELL_BYTES // 2))
    return cell[start : end if end >= 0 else len(cell)][: 4 * _MAX_CELL_BYTES]


def near(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Return the first candidate and those that explain the letters nearly as well."""
    is_few = _has_few(ranked[0].text.encode(ranked[0].codec))
    is_latin = all(_script(sign) == "Latin" for sign in ranked[0].text if sign > "\x7f" and sign.isalpha())
    bound = _NEAR_OF_FEW if is_few and not is_latin else _NEAR
    return [each for each in ranked if each.score >= ranked[0].score * bound]


def _has_few(telling: bytes) -> bool:
    return len({sign for sign in telling if sign > 0x7F}) < _FEW


def is_hopeless(ranked: Sequence[Candidate]) -> bool:
    """Say whether no candidate makes sense of the letters."""
    return not ranked or ranked[0].score < _HOPELESS


def seven_bit(head: bytes) -> str:
    """Return the encoding of a text that switches alphabets with escapes, "" for plain ASCII."""
    if b"\x1b$B" in head or b"\x1b$@" in head or b"\x1b(J" in head:
        return _SEVEN_BIT[0]
    return _SEVEN_BIT[1] if b"\x1b$)C" in head else _SEVEN_BIT[2] if re.search(rb"~\{(?:[!-~]{2})+~\}", head) else ""


def telling_word(first: str, other: str) -> tuple[str, str]:
    """Return the first word that two readings of the same bytes show differently, as each shows it."""
    for one, two in zip(first.split("\n"), other.split("\n"), strict=False):
        if one != two:
            words, others = one.split(), two.split()
            pairs = zip(words, others, strict=False) if len(words) == len(others) else ((one, two),)
            return next(((a, b) for a, b in pairs if a != b), (one, two))
    return first[:20], other[:20]


def _proposals(sample: bytes) -> dict[str, float]:
    """Return chardet's codecs with its confidence, the highest as 1."""
    import chardet

    proposals: dict[str, float] = {}
    for each in chardet.detect_all(sample):
        try:
            codec = codecs.lookup(each["encoding"] or "").name.replace("-", "_")
        except LookupError:
            continue
        codec = _PARENTS.get(codec, codec)
        proposals[codec] = max(proposals.get(codec, 0.0), each["confidence"])
    highest = max(proposals.values(), default=0.0) or 1.0
    return {codec: confidence / highest for codec, confidence in proposals.items()}


def _decoded(sample: bytes, telling: bytes, codec: str) -> str | None:
    try:
        sample.decode(codec)
        return telling.decode(codec, "ignore")  # the cells were cut without knowing their letters
    except (UnicodeDecodeError, LookupError):
        return None


def _score(text: str, codec: str, proposed: float, *, heed: float) -> float:
    signs = [sign for sign in text if sign > "\x7f"]
    if not signs:
        return 0.0
    odd = _oddness(text)
    # A single one tells much, a few tell more; beyond them only their share counts.
    explained = max(0.0, 1.0 - 2.5 * odd / len(signs) - 0.12 * min(odd, 1.0) - 0.03 * min(max(odd - 1.0, 0.0), 4.0))
    if not explained:
        return 0.0
    if codec in _WIDE:
        return explained * max(proposed, 0.5 * all(map(_is_wide, signs)))
    if not any(map(str.isalpha, signs)):
        # `Wait…` may as well be a letter of DOS, `dignità`.
        return explained * (0.9 if set(signs) <= {"…"} else 1.0)
    letters = [sign for sign in unicodedata.normalize("NFC", text).lower() if sign > "\x7f" and sign.isalpha()]
    if codec == "cp1258":
        return explained * proposed * (proposed == 1.0)
    return explained * _coverage("".join(letters)) * (1 - heed + heed * proposed)


@functools.lru_cache(maxsize=64)
def _coverage(letters: str) -> float:
    """Return which part of the letters one language has."""
    if not letters:
        return 1.0
    counts = collections.Counter(letters)
    sums = ((weight, sum(map(counts.__getitem__, counts.keys() & alphabet))) for weight, alphabet in _ALPHABETS)
    return max(weight * count for weight, count in sums) / len(letters)


def _oddness(text: str) -> float:
    """Count what no language writes: signs at letters, capitals inside words, two scripts in a word, controls."""
    odd = sum(_is_odd(*signs) for signs in zip(f" {text}", text, f"{text[1:]} ", strict=False) if signs[1] > "\x7f")
    for word in _WORD.findall(text):
        odd += _is_mixed(word) * sum(sign > "\x7f" for sign in word)
    return odd


@functools.lru_cache(maxsize=1 << 14)
def _is_odd(before: str, sign: str, after: str) -> float:
    kind = unicodedata.category(sign)
    if kind in {"Cc", "Cn", "Co", "Cs"}:
        return 2.0
    if kind[0] == "M":
        stands_on = unicodedata.category(before)[0] in "LM"
        return float(not stands_on or (sign > "\u036f" and _script(before) == "Latin"))
    if kind[0] != "L" and "\u3001" <= sign <= "\u3011":  # Chinese and Japanese marks, which need no space behind them
        return 0.0
    if kind[0] != "L":
        return 1.0 if not _stands_well(before, sign, after) else 0.5 * (sign not in _USUAL)
    return float(sign.isupper() and (before.islower() or (before.isupper() and after.islower())))


def _stands_well(before: str, sign: str, after: str) -> bool:
    """Say whether a sign may stand where it stands: inside a word, before one, behind one, or alone."""
    if before.isalpha() and after.isalpha():
        return sign in _BETWEEN or (sign == "·" and before == after == "l")
    if sign == "€":  # an amount, not the end of a word
        return not before.isalpha() and not after.isalpha()
    if after.isalpha():  # an opening quote stands before a capital, `’t` before plain letters
        return sign in _BEFORE and (after <= "\x7f" or not after.islower())
    return not before.isalpha() or sign in _BEHIND


@functools.lru_cache(maxsize=1 << 12)
def _is_mixed(word: str) -> bool:
    """Say whether a word has letters of Latin and of another alphabet."""
    scripts = {_script(sign) for sign in word} - {""}
    return len(scripts) > 1 and (scripts != {"Latin", "wide"} or any("a" <= sign <= "z" for sign in word))


def _is_wide(sign: str) -> bool:
    return "\u1100" <= sign <= "\u11ff" or "\u2e80" <= sign <= "\ud7a3" or "\uf900" <= sign <= "\uffef"


def _script(sign: str) -> str:
    if sign < "\u0250" or "\u1e00" <= sign <= "\u1eff":
        return "Latin"
    place = ord(sign)
    bounds = ((0x370, 0x400, "Greek"), (0x400, 0x530, "Cyrillic"), (0x590, 0x600, "Hebrew"), (0x600, 0x700, "Arabic"))
    if _is_wide(sign):
        return "wide"
    return next((name for first, end, name in bounds if first <= place < end), "Thai" if 0xE00 <= place < 0xE80 else "")
