"""Rules for one row's texts: what is an error, what a warning, in which words. Pure; keeps nothing."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from bhuman_cli import domain, shell
from bhuman_cli.table import mapping
from bhuman_cli.table.checks import damage
from bhuman_cli.table.formats import cell_flags, csv_records

Severity = Literal["error", "warning"]
Finding = tuple[str, str, str, Severity]
"""Column, rule, hint, severity. Never the cell's value."""

_MISSING_WORDS: Final = (
    *("n/a", "n.a.", "na", "nan", "<na>", "null", "nil", "none", "undefined", "unknown", "tbd"),
    *("-", "--", "?"),
)
MISSING: Final = frozenset(
    "".join(letters)
    for word in _MISSING_WORDS
    for letters in itertools.product(*({letter, letter.upper()} for letter in word))
)
"""What stands for nothing, in every mixture of cases, so that looking up needs no folding."""
TELLING: Final = frozenset(["", "\\N", *cell_flags.ERRORS, *MISSING])
"""Whole cells that need a second look. In one set, so that a clean row costs one hash per cell."""

# Bounded, and without what may open another one inside: a cell of 5 MiB of braces takes no longer than one of letters.
_PLACEHOLDER: Final = re.compile(
    r"\{\{[^{}]{0,200}\}\}|\{%[^{}%]{0,200}%\}|\{!\s{0,9}\w[\w.]{0,99}\s{0,9}\}|\*\|\w{1,99}(?::\w{1,99})?\|\*"
    r"|\$\{\s{0,9}\w[\w .]{0,99}\}|%%\s{0,9}\w[\w ]{0,99}%%|\[\[\s{0,9}\w[\w ]{0,99}\]\]|<<\s{0,9}\w[\w ]{0,99}>>"
)
_SINGLES_READ: Final = 1000
_SINGLE: Final = re.compile(
    r"\{\s{0,9}(\w[\w .]{0,99})\}|\[\s{0,9}(\w[\w .]{0,99})\]|<\s{0,9}(\w[\w .]{0,99})>|%\s{0,9}(\w[\w .]{0,99})%"
)
_BREAK: Final = re.compile(r"[\r\n\x85\u2028\u2029]")
# Small words that stand inside names; any other word that begins small is a sentence's.
_PARTICLES: Final = frozenset(
    [
        *("da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e", "el", "i", "la", "le", "les"),
        *("of", "the", "and", "und", "van", "von", "vom", "zu", "zum", "zur", "y", "al", "bin", "ben", "abu", "ter"),
    ]
)
_ORDINARY_URL: Final = re.compile(r"(https?://)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:/[!-$&-;=?-Z_a-z~]*)?")
_GREETING: Final = re.compile(
    r"\n(?:hi|hello|hey|dear|good (?:morning|day|evening)|welcome|hallo|lieber?|guten tag|hola|bonjour|ciao|olá)[ ,!]",
)
_MAIL: Final = re.compile(r"\S@\S")
_NO_LETTER: Final = re.compile(r"\n[\W\d_]*(?:\n|\Z)")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:")
_HOST_PORT: Final = re.compile(r"^[\w.\-]+:\d{1,5}(?:[/?#]|$)")
MAX_BYTES_PER_CHAR: Final = 6
"""A character takes four bytes as UTF-8, and six where JSON escapes it."""
EDGES: Final = csv_records.EDGES
EMPTY: Final = "empty, but every variable needs a value"
NULL: Final = "\\N"
"""What MySQL writes for nothing; it stands for nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What the rules need to know of the columns.

    columns: what people find in their file, one per variable. urls, people: numbers of the variables named so.
    alike: every variable and header, folded, to know a placeholder by. may_be_blank: the target needs no value.
    """

    variables: tuple[str, ...]
    columns: tuple[str, ...]
    urls: tuple[int, ...]
    people: tuple[int, ...]
    alike: frozenset[str] = field(default_factory=frozenset)
    may_be_blank: bool = False


def column_rules(variables: Sequence[str], header: Sequence[str], columns: Sequence[str] | None = None) -> ColumnRules:
    """Sort the variables by what their names promise. columns: of the variables, where they are called otherwise."""
    folded = [mapping.normalized(variable) for variable in variables]
    return ColumnRules(
        variables=tuple(variables),
        columns=tuple(variables if columns is None else columns),
        urls=tuple(number for number, name in enumerate(folded) if name.endswith(("url", "link"))),
        people=tuple(number for number, name in enumerate(folded) if name.endswith("name")),
        alike=frozenset(mapping.normalized(name) for name in (*variables, *header)),
    )


def check_values(
    column_rules: ColumnRules, raw: Sequence[str], values: Sequence[str], flaws: Mapping[int, str]
) -> list[Finding]:
    """Return everything wrong with one row's values.

    raw: the cells as read; values: what would be sent. flaws: variable number → rule of its cell.
    """
    findings: list[Finding] = []
    for number, (variable, column) in enumerate(zip(column_rules.variables, column_rules.columns, strict=True)):
        if number in flaws:
            hint = "correct the cell where the file was made, and save it again"
            findings.append((column, flaws[number], hint, "error"))
            continue
        text = values[number]
        if not text:
            if not column_rules.may_be_blank:
                findings.append((column, EMPTY, f"--default {shell.quote(variable)}=VALUE", "error"))
            continue
        if len(text) >= domain.MAX_ROW_BYTES:
            continue  # said below; whatever else is in it would take long to find
        findings.extend((column, *each) for each in _errors(column_rules, raw[number], text))
        findings.extend((column, *each) for each in _warnings(column_rules, number, text))
    if sum(map(len, values)) * MAX_BYTES_PER_CHAR > domain.MAX_ROW_BYTES and _size(values) > domain.MAX_ROW_BYTES:
        findings.append(("", "the row is over 5 MiB, but a request holds no more", "shorten the longest cell", "error"))
    return findings


def check_assets(columns: Sequence[str], cells: Sequence[str]) -> tuple[list[Finding], tuple[str, ...]]:
    """Return what is wrong with a row's assets, and the URLs to send: completed, "" where blank."""
    findings: list[Finding] = []
    urls: list[str] = []
    for column, cell in zip(columns, cells, strict=True):
        text = cell.strip(EDGES)
        url, rule = asset_url(text) if text else ("", "")
        if _PLACEHOLDER.search(text):
            url, rule = "", "holds a placeholder that was never filled in"
        urls.append(url)
        if rule:
            findings.append((column, rule, "an address such as https://example.com/logo.png, or blank", "error"))
    return findings, tuple(urls)


def plain_asset_url(cell: str) -> str | None:
    """Return what `asset_url` says of a cell that is blank or an ordinary address, None for all others."""
    if not cell:
        return ""
    match = _ORDINARY_URL.fullmatch(cell)
    return None if match is None else cell if match[1] else f"https://{cell}"


def asset_url(text: str) -> tuple[str, str]:
    """Return (the URL with its scheme, "") or ("", rule). Source: API contract, "Backgrounds"."""
    if csv_records.CONTROL.search(text) or any(sign.isspace() for sign in text) or cell_flags.is_error(text):
        return "", "not a web address"
    if text.startswith("//"):
        text = f"https:{text}"
    elif not _SCHEME.match(text) or _HOST_PORT.match(text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "", "not a web address"
    if parts.scheme.lower() not in {"http", "https"}:
        return "", "not an http or https address"
    if "@" in parts.netloc:
        return "", "an e-mail address, or one with a password; not a web address"
    has_host = "." in host.strip(".") or ":" in host or host == "localhost"
    return (text, "") if has_host and "\\" not in text else ("", "not a web address")


def _errors(column_rules: ColumnRules, raw: str, text: str) -> list[tuple[str, str, Severity]]:
    wrong: list[tuple[str, str, Severity]] = []
    if cell_flags.is_error(text):
        wrong.append((f"holds the error {text}", "fix the formula in the spreadsheet program", "error"))
    if csv_records.CONTROL.search(raw):
        wrong.append(("holds a control character", "retype the cell", "error"))
    single = itertools.islice(_SINGLE.finditer(text), _SINGLES_READ)
    if _PLACEHOLDER.search(text) or any(
        mapping.normalized(next(filter(None, each.groups()))) in column_rules.alike for each in single
    ):
        wrong.append(("holds a placeholder that was never filled in", "fill it in before rendering", "error"))
    return wrong


def _warnings(column_rules: ColumnRules, number: int, text: str) -> list[tuple[str, str, Severity]]:
    wrong: list[tuple[str, str, Severity]] = []
    if text in MISSING:
        wrong.append(("looks like missing data", "leave the cell blank and give --default", "warning"))
    if _BREAK.search(text):
        wrong.append(("holds a line break", "one line per value", "warning"))
    wrong.extend((*each, "warning") for each in damages(text))
    if number not in column_rules.urls and damage.has_codes(text):
        wrong.append(("holds letters written as codes, such as %C3%BC", "export it as plain text", "warning"))
    if number in column_rules.people:
        wrong.extend(_name_warnings(text))
    if number in column_rules.urls:
        lower = text.lower()
        if lower.startswith("http://"):
            wrong.append(("an http:// address", "https:// is what browsers open without a warning", "warning"))
        elif not lower.startswith("https://"):
            wrong.append(("an address without https://", "write it out", "warning"))
    return wrong


def damages(text: str) -> list[tuple[str, str]]:
    """Return (rule, hint) for what happened to a text on its way here."""
    signs: list[tuple[str, str]] = []
    if "\ufffd" in text:
        signs.append(("holds a replaced character: the encoding was read wrong once", "export it again"))
    elif damage.is_mojibake(text):
        signs.append(("letters of a wrong encoding, saved so once", "export it again, as UTF-8"))
    if what := damage.markup(text):
        rule = "holds an HTML entity such as &amp;" if what == "entity" else "holds an HTML tag such as <br>"
        signs.append((rule, "export it as plain text"))
    if damage.is_escaped(text):
        rule = 'escaped for Excel, with ="…" or an apostrophe in front'
        signs.append((rule, "export it without; as it stands it is spoken"))
    return signs


def column_findings(column: str) -> list[Finding]:
    """Return what is wrong with the name of a column that is sent: it is checked as cells are."""
    if cell_flags.is_error(column):
        return [(column, "its name is an error", "mend the header in the spreadsheet program", "error")]
    return [(column, f"its name: {rule}", hint, "warning") for rule, hint in damages(column)]


def _name_warnings(text: str) -> list[tuple[str, str, Severity]]:
    rule = not_a_name(text)
    if not rule and is_sentence(text):
        rule = "a whole sentence in a name"
    return [(rule, "only the name is spoken", "warning")] if rule else []


def not_a_name(text: str) -> str:
    """Return why a text is nobody's name, "" where it may be one."""
    if "://" in text:
        return "a link, not a name"
    if _MAIL.search(text):
        return "an e-mail address, not a name"
    if not any(map(str.isalpha, text)):
        return "not a name: no letter in it"
    return "a question mark in a name, where a letter was lost" if "?" in text else ""


def are_names(lines: str) -> bool:
    """Say quickly whether several texts, each behind a line break, may all be names."""
    return "://" not in lines and "@" not in lines and "?" not in lines and _NO_LETTER.search(lines) is None


def is_sentence(text: str) -> bool:
    """Say whether a name is more than a name: a greeting, many words, or several that begin small."""
    words = text.split()
    if len(words) > 1 and greets(f"\n{text}"):
        return True
    if len(words) < 4:
        return False
    small = sum(word[0].islower() and word.strip(".,!?") not in _PARTICLES for word in words)
    return len(words) >= 7 or (small >= 2 and (len(words) >= 5 or text[-1] in ".!?"))


def _size(values: Sequence[str]) -> int:
    """Return how many bytes a row takes in a request, which is written in UTF-8."""
    return len(json.dumps([*values], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def greets(lines: str) -> bool:
    """Say whether one of several names, each behind a line break, begins as a greeting.

    The template says that already: it would be spoken twice. Source: API contract, section 7.
    """
    return _GREETING.search(lines.lower()) is not None
