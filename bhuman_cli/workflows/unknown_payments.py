"""Search for paid videos that this journal does not know: in results files, and in answers kept outside it.

Another memory may have paid: a lost or restored journal, another machine. Sends nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import amounts, domain, errors
from bhuman_cli.config import settings
from bhuman_cli.journal import history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import epoch_file, recovery
from bhuman_cli.workflows import run_context

NEIGHBOURS: Final = 50  # the newest results files in the folders of the input and the output
_UUID: Final = re.compile(rb"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_ENDINGS: Final = (".csv", ".tsv", ".xlsx", ".json", ".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Ids of videos that may be paid already, each once. places: the files they stand in.

    has_tried: these are what `--adopt` could not take over.
    """

    ids: tuple[str, ...] = ()
    places: tuple[Path, ...] = ()
    has_tried: bool = False

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self.ids)

    def refusal(self) -> errors.Refusal:
        """Return why nothing may be sent before a person has looked."""
        names = ", ".join(place.name for place in self.places[:3])
        more = f" and {len(self.places) - 3} more" if len(self.places) > 3 else ""
        count = len(self.ids)
        way = "--adopt takes them over"
        if self.has_tried:
            way = "what the service says of them names no row of this table, or several, so they were not taken over"
        return errors.Refusal(
            f"{names}{more}: {amounts.plural(len(self.places), 'holds', 'hold')} {amounts.show(count, 'id')}"
            f" that this journal does not know: {amounts.plural(count, 'it', 'they')} may be paid already;"
            f" {way}; --again pays for them again",
            hint="bhuman help journal" if self.has_tried else "--adopt",
            code="unknown_results",
        )


def search(journal: Journal, run: Run, home: settings.Home) -> Unknown:
    """Return what may be paid of a run's rows without this journal knowing.

    Every unknown id counts in the results file at the run's output path and at its input's default one, and in an
    answer kept outside the journal; in other results files beside them only those beside rows about to be sent.
    """
    if run.target.service == domain.LOCAL_SERVICE:
        return Unknown()  # nothing is paid
    ids: dict[str, None] = {}
    places: dict[Path, None] = {}

    def add(place: Path, some: Iterable[str]) -> None:
        known_before = len(ids)
        ids.update(dict.fromkeys(some))
        if len(ids) > known_before:
            places[place] = None

    own = _own_files(run)
    for path in own:
        add(path, in_results(journal, path))
    folders = run_context.rescue_places(home, Path(run.output_path))
    for path, some in recovery.unknown_answers(journal, run.target, folders):
        add(path, history.unknown(journal, some))
    if history.to_send(journal, run):
        rows = _RowsToSend(journal, run)
        for path in _neighbours(own):
            add(path, _beside_equal_rows(journal, path, rows))
    return Unknown(ids=tuple(ids), places=tuple(places))


def refusals(
    journal: Journal, run: Run, home: settings.Home, unknown: Unknown, *, again: bool = False, accept_journal: bool
) -> list[errors.Refusal]:
    """Return what speaks against sending anything of a run, the older journal first.

    again: every row is paid once more, on purpose. accept_journal: a person says that this journal is the right one.
    """
    old = None if accept_journal else epoch_file.refusal(journal, run, home.state)
    return [*([old] if old else []), *([unknown.refusal()] if unknown and not again else [])]


def require_none(
    journal: Journal, run: Run, home: settings.Home, unknown: Unknown, *, accept_journal: bool = False
) -> None:
    """Stop a command that sends without showing a plan, if another memory may have paid for its rows.

    Raises:
        Refusal: `old_journal` or `unknown_results`.
    """
    for refusal in refusals(journal, run, home, unknown, accept_journal=accept_journal):
        raise refusal
    if accept_journal:
        epoch_file.accept(journal, run, home.state)


def in_results(journal: Journal, output: Path) -> list[str]:
    """Return the ids in a results file that this journal does not know, in its order.

    A file that an edit made unreadable is searched as text: it stops nobody, and hides nothing that was paid.
    """
    from bhuman_cli.table.output import results_file

    if results_file.recognise(output) is not results_file.RecognisedColumns.OURS:
        return []
    try:
        ids = [row.generation_id.strip().lower() for row in results_file.read_ids(output)]
    except errors.InputError:
        ids = [match.decode().lower() for match in _UUID.findall(output.read_bytes())]
    return history.unknown(journal, ids)


def _own_files(run: Run) -> list[Path]:
    """Return the results files of a run: where it writes, and where it would if nobody said."""
    from bhuman_cli.table.output import results_file

    output, source = Path(run.output_path), Path(run.input_path)
    if not source.is_absolute():  # a trigger
        return [output]
    is_ours = source.is_file() and results_file.recognise(source) is results_file.RecognisedColumns.OURS
    piped = source.name == "stdin" and not source.is_file()
    default = results_file.default_output(source, local=False, earlier_results=is_ours)
    return list(dict.fromkeys([output, source.parent / "stdin.results.csv" if piped else default]))


def _neighbours(own: Sequence[Path]) -> Iterator[Path]:
    """Yield the other results files in the folders of a run's own, the newest first."""
    from bhuman_cli.table.output import results_file

    seen = {path.resolve() for path in own}
    dated: list[tuple[float, Path]] = []
    for folder in dict.fromkeys(path.parent for path in own):
        try:
            entries = list(folder.iterdir())
        except OSError:
            continue
        for path in entries:
            is_local = ".local." in path.name
            if path.suffix.lower() in _ENDINGS and not path.name.startswith(".") and not is_local:
                try:
                    dated.append((path.stat().st_mtime, path))
                except OSError:
                    continue
    count = 0
    for _, path in sorted(dated, reverse=True):
        if path.resolve() in seen or not path.is_file():
            continue
        seen.add(path.resolve())
        if results_file.recognise(path) is results_file.RecognisedColumns.OURS:
            yield path
            count += 1
        if count == NEIGHBOURS:
            return


def _beside_equal_rows(journal: Journal, path: Path, rows: _RowsToSend) -> list[str]:
    """Return the unknown ids beside rows that hold every value of a row about to be sent."""
    from bhuman_cli.table.output import results_file

    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if history.wrote(journal, str(path.resolve()), digest):
        return []  # as this journal left it: it knows every id in it
    try:
        ids_in_file = list(results_file.read_ids(path))
    except errors.BhumanError:
        return []
    unknown = set(history.unknown(journal, [row.generation_id.strip().lower() for row in ids_in_file]))
    return [
        row.generation_id.strip().lower()
        for row in ids_in_file
        if row.generation_id.strip().lower() in unknown and row.cells in rows
    ]


class _RowsToSend:
    """The values of each row about to be sent, found by the rarest of them."""

    def __init__(self, journal: Journal, run: Run) -> None:
        columns = {_same(name) for name in run.columns}
        constant = {at for at, name in enumerate(run.spec.variables) if _same(name) not in columns}
        rows = []
        firsts: dict[int, str] = {}
        for payload in history.to_send(journal, run):
            values = [_same(value) for value in json.loads(payload)[0]]
            for at in list(constant):
                if firsts.setdefault(at, values[at]) != values[at]:
                    constant.discard(at)  # a renamed column, not a constant of all rows
            rows.append(values)
        wanted = [frozenset(v for at, v in enumerate(values) if at not in constant) for values in rows]
        wanted = [row or frozenset(values) for row, values in zip(wanted, rows, strict=True)]
        often = Counter(value for row in wanted for value in row)
        self._by_rarest: dict[str, set[frozenset[str]]] = defaultdict(set)
        for row in wanted:
            self._by_rarest[min(row, key=lambda value: (often[value], value))].add(row)

    def __contains__(self, cells: Sequence[str]) -> bool:
        """Say whether the cells hold all values of a row."""
        here = {_same(cell) for cell in cells}
        return any(row <= here for value in here for row in self._by_rarest.get(value, ()))


def _same(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
