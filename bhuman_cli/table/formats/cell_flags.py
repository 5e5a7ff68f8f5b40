"""What a sheet holds besides its cells' texts: merges, totals, links, hidden rows; and what errors look like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MAX_COLUMNS: Final = 16_384
MAX_ROWS: Final = 1_048_576
UNCALCULATED: Final = "holds a formula whose result was never stored"
TOTALS: Final = "totals row"
# As Excel, LibreOffice and Google Sheets show them, in every language that translates them.
_ERRORS: Final = """
#N/A #REF! #NAME? #VALUE! #DIV/0! #NULL! #NUM! #SPILL! #CALC! #GETTING_DATA #FIELD! #BLOCKED! #UNKNOWN! #CONNECT! #BUSY!
#EXTERNAL! #PYTHON! #TIMEOUT! #ERROR! #NV #BEZUG! #WERT! #ZAHL! #ÜBERLAUF! #KALK! #FELD! #BLOCKIERT! #VERBINDEN!
#VALEUR! #NOM? #NOMBRE! #NUL! #CALCUL! #PROPAGATION! #CHAMP! #EPARS! #ÉPARS! #¡REF! #¿NOMBRE? #¡VALOR! #¡DIV/0! #¡NULO!
#¡NUM! #¡DESBORDAMIENTO! #¡CALC! #¡CAMPO! #N/D #VALORE! #RIF! #NOME? #NULLO! #ESPANSIONE! #CAMPO! #VALOR! #NULO!
#DESPEJAR! #DESPEJO! #CÁLC! #NUMER! #ADR! #ARG! #NAZWA? #LICZBA! #DZIEL/0! #ZERO! #N.B. #VERW! #WAARDE! #NAAM? #GETAL!
#LEEG! #DEEL/0! #OVERLOPEN! #Н/Д #ССЫЛКА! #ЗНАЧ! #ИМЯ? #ДЕЛ/0! #ЧИСЛО! #ПУСТО! #ПЕРЕНОС! #ВЫЧИС! #YOK #BAŞV! #DEĞER!
#AD? #SAYI/0! #SAYI! #BOŞ! #TAŞMA! #HESAPLA! #SAKNAS! #REFERENS! #VÄRDEFEL! #NAMN? #DIVISION/0! #OGILTIGT! #SKÄRNING!
#I/T #REFERENCE! #VÆRDI! #NAVN? #OVERLØB! #I/T! #VERDI! #PUUTTUU! #PUUTTUU #VIITTAUS! #ARVO! #NIMI? #JAKO/0! #LUKU!
#TYHJÄ! #NENÍ_K_DISPOZICI #ODKAZ! #HODNOTA! #NÁZEV? #DĚLENÍ_NULOU! #ČÍSLO! #PRÁZDNÝ! #HIÁNYZIK #HIV! #ÉRTÉK! #NÉV?
#ZÉRÓOSZTÓ! #SZÁM! #NULLA! #Δ/Υ #ΑΝΑΦ! #ΤΙΜΗ! #ΟΝΟΜΑ? #ΔΙΑΙΡ/0! #ΑΡΙΘ! #ΚΕΝΟ! Loading... Loading… Chargement...
Cargando... Caricamento... Carregando... Laden... Загрузка... 読み込んでいます...
"""
ERRORS: Final = frozenset([*_ERRORS.split(), "Wird geladen..."])
_LONGEST: Final = 24
_LOOKS_SO: Final = re.compile(r"#{4,}|Err:5\d\d")
_RANGE: Final = re.compile(r"\$?([A-Za-z]{0,3})\$?(\d{0,7})(?::\$?([A-Za-z]{0,3})\$?(\d{0,7}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A rectangle of cells. Rows count from 1, as the spreadsheet shows them; columns from 0."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(slots=True, kw_only=True)
class SheetFacts:
    """What is known of a sheet before its rows are read.

    origin: first used column, 0-based. is_disordered: its rows don't stand in the order of their numbers.
    hidden_rows, totals_rows: numbers from 1. links: (row, column) → address; those
    that a formula makes are added as the rows are read.
    """

    origin: int = 0
    is_disordered: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    totals_rows: set[int] = field(default_factory=set)
    merges: list[Area] = field(default_factory=list)
    links: dict[tuple[int, int], str] = field(default_factory=dict)


class Covered:
    """Tells which cells of a row lie under a merged one; what they hold is shown nowhere."""

    def __init__(self, merges: Iterable[Area]) -> None:
        self._tall: list[Area] = []
        self._by_row: dict[int, list[Area]] = {}
        for each in merges:
            if each.last_row - each.first_row > 1000:
                self._tall.append(each)
                continue
            for row in range(each.first_row, each.last_row + 1):
                self._by_row.setdefault(row, []).append(each)
        self.is_empty = not self._tall and not self._by_row

    def columns(self, row: int) -> list[tuple[int, int]]:
        """Return the first and the last of each stretch of hidden columns."""
        tall = [each for each in self._tall if each.first_row <= row <= each.last_row]
        return [
            (each.first_column + (row == each.first_row), each.last_column)
            for each in (*self._by_row.get(row, ()), *tall)
        ]


def area(text: str) -> Area | None:
    """Read `B2`, `A1:C3`, `A:C` or `2:3`; None for anything else."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        return None
    first_column, first_row, last_column, last_row = match.groups()
    if last_column is None:
        last_column, last_row = first_column, first_row
    return Area(
        first_row=int(first_row or 1),
        first_column=column_of(first_column) if first_column else 0,
        last_row=int(last_row or MAX_ROWS),
        last_column=column_of(last_column) if last_column else MAX_COLUMNS - 1,
    )


def column_of(letters: str) -> int:
    """Return the 0-based column that letters name."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


def is_error(text: str) -> bool:
    """Say whether a text is what spreadsheets show instead of a result."""
    return text in ERRORS or _LOOKS_SO.fullmatch(text) is not None


def error_rule(text: str) -> str:
    """Return what is said of an error cell that shows this."""
    text = text.strip()
    is_short = text.startswith("#") and len(text) <= _LONGEST and text.isprintable()
    return f"holds the error {text}" if is_short or is_error(text) else "holds an error"
