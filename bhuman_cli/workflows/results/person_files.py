"""Files that may name a person: finding them in tables, pages, media, logs, and taking them out, inputs never."""

from __future__ import annotations

import contextlib
import glob
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import domain, errors, files
from bhuman_cli.delivery import batch, manifest
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.journal import persons

_PURPOSES: Final = ("mailmerge", "gmail", "mailchimp", "hubspot", "brevo", "outlook")
_LARGEST: Final = 512 * 1024**2
"""Bytes up to which a file of ours is searched as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How a person is recognised in files. column, value: "" where only ids are known. needles: texts of theirs alone.

    row_indexes: for files that are named by them.
    """

    column: str
    value: str
    ids: frozenset[str]
    needles: frozenset[str]
    row_indexes: frozenset[int]

    def matches(self, header: Sequence[str], cells: Sequence[str]) -> bool:
        """Say whether a table's row is about the person."""
        texts = [persons.folded(cell) for cell in cells]
        if self.value and persons.folded(self.value) in texts:
            names = [persons.folded(name) for name in header]
            place = names.index(persons.folded(self.column)) if persons.folded(self.column) in names else -1
            if place < 0 or (place < len(texts) and texts[place] == persons.folded(self.value)):
                return True
        return any(id_ in text for text in texts for id_ in self.ids)

    def is_in(self, content: bytes) -> bool:
        """Say whether a file's bytes name the person: an id, or a text that is theirs alone, however it is escaped."""
        return any(form in content for text in (*self.ids, *self.needles) for form in _forms(text))


def _forms(text: str) -> Iterator[bytes]:
    yield text.encode("utf-8", "surrogatepass")
    yield json.dumps(text)[1:-1].encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place that names the person. remove: takes them out of it; what it does is safe to do twice."""

    kind: str
    path: str
    count: int
    remove: Callable[[], None]


def find(
    run: persons.RunFiles, artifacts: Iterable[tuple[str, str]], person: Person, inputs: set[Path]
) -> list[Finding]:
    """Return the places of one run that name the person, inputs left out.

    artifacts: (kind, path) of what is known to have been written.
    """
    tables, pages, folders = _usual(run)
    for kind, written in artifacts:
        {"table": tables, "page": pages, "text": pages}.get(kind, folders).append(Path(written))
    findings: list[Finding] = []
    for path in dict.fromkeys(path.absolute() for path in tables):
        if path.is_file() and path not in inputs:
            findings += _in_table(path, person)
    for path in dict.fromkeys(path.absolute() for path in pages):
        findings += _in_bytes("page", path, person)
    for path in dict.fromkeys(path.absolute() for path in folders):
        findings += _in_folder(path, person)
    return findings


def _usual(run: persons.RunFiles) -> tuple[list[Path], list[Path], list[Path]]:
    """Return tables, pages and folders at the places where nobody has to be told to put them."""
    output, source = Path(run.output_path), Path(run.input_path)
    stem = output.stem.removesuffix(".results") or output.stem
    folder = output.parent
    named = [f"{stem}.{purpose}.*" for purpose in _PURPOSES] + [f"{stem}.review.csv"]
    tables = [output, *(path for pattern in named for path in folder.glob(glob.escape("") + pattern))]
    tables += [source.with_name(f"{source.stem}.problems.csv"), source.with_name(f"{source.name}.problems.csv")]
    tables += folder.glob(f"{glob.escape(output.name)}.bak*")
    pages = [folder / f"{stem}.gallery.html", folder / f"{stem}.support.json", folder / f"{stem}.support.txt"]
    pages += [*folder.glob(f"{glob.escape(stem)}*.plan.json"), *folder.glob(f"{glob.escape(stem)}*.plan.csv")]
    return tables, pages, [folder / f"{stem}.media", *folder.glob(f"{glob.escape(stem)}.*.posters")]


def _in_table(path: Path, person: Person) -> list[Finding]:
    from bhuman_cli.table import reader

    try:
        table = reader.open_table(path, reader.ReadOptions())
        count = sum(person.matches(table.header, cells) for _, _, cells, _ in table.records())
    except (errors.BhumanError, OSError):
        # No table any more, or a copy under an ending that says nothing: it goes as a whole.
        return _in_bytes("copy", path, person)
    if not count:
        return _in_bytes("copy", path, person)
    if ".bak" in path.suffix:
        return [Finding(kind="copy", path=str(path), count=count, remove=removal(path))]
    return [Finding(kind="table", path=str(path), count=count, remove=lambda: _clean_table(path, person))]


def _clean_table(path: Path, person: Person) -> None:
    """Write a table without the person's rows; a results file keeps them, blank, so that places stay what they are."""
    from bhuman_cli.table import reader
    from bhuman_cli.table.output import results_file

    table = reader.open_table(path, reader.ReadOptions())
    kind = results_file.KINDS.get(path.suffix.lower(), "csv")
    style = results_file.OutputStyle(kind=kind, delimiter=table.delimiter or ",", bom=table.had_bom)
    rows = [tuple(cells) for _, _, cells, _ in table.records()]
    width = results_file.own_columns(table.header)
    if width is None:
        others = [cells for cells in rows if not person.matches(table.header, cells)]
        results_file.write_table(path, table.raw_header, others, style)
        return
    results_file.write_results(
        path,
        table.raw_header[:width],
        [_result(cells, width, is_gone=person.matches(table.header, cells)) for cells in rows],
        style,
    )


def _result(cells: tuple[str, ...], width: int, *, is_gone: bool) -> ResultRow:
    fields = dict(zip(domain.RESULT_COLUMNS, cells[width:], strict=True))
    if not is_gone:
        return ResultRow(cells=cells[:width], fields=fields)
    blank = dict.fromkeys(domain.RESULT_COLUMNS, "")
    told = {"row_index": fields["row_index"], "status": str(Status.SKIPPED), "message": "forgotten"}
    return ResultRow(cells=("",) * width, fields={**blank, **told})


def _in_bytes(kind: str, path: Path, person: Person) -> list[Finding]:
    """Find the person in a file that is taken away as a whole: a page is written again in a second."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST or not person.is_in(path.read_bytes()):
            return []
    except OSError:
        return []
    return [Finding(kind=kind, path=str(path), count=1, remove=removal(path))]


def _in_folder(folder: Path, person: Person) -> list[Finding]:
    """Find the person's media: by the manifest, and posters by the row they are named after."""
    if not folder.is_dir():
        return []
    if not (folder / manifest.NAME).is_file():
        posters = [
            path for path in folder.glob("*.jpg") if path.stem.isdigit() and int(path.stem) in person.row_indexes
        ]
        return [Finding(kind="poster", path=str(path), count=1, remove=removal(path)) for path in posters]
    try:
        entries = [entry for entry in manifest.read(folder).values() if entry.id.lower() in person.ids]
    except errors.UsageError:
        return []
    if not entries:
        return []
    return [Finding(kind="media", path=str(folder), count=len(entries), remove=lambda: _clean_media(folder, person))]


def _clean_media(folder: Path, person: Person) -> None:
    with batch.folder_lock(folder):
        others = []
        for entry in manifest.read(folder).values():
            if entry.id.lower() not in person.ids:
                others.append(entry)
                continue
            for path in (folder / entry.file, *folder.glob(f"{glob.escape(entry.file)}.*")):
                path.unlink(missing_ok=True)
        manifest.rewrite(folder, others)


def removal(path: Path) -> Callable[[], None]:
    """Return what takes a file away."""
    return lambda: path.unlink(missing_ok=True)


def find_below(folder: Path, person: Person, leave: Iterable[Path]) -> list[Finding]:
    """Return the files below the program's own folder that name the person: logs lose lines, others go.

    leave: files and folders that have an owner of their own. Databases have one, whatever they are called.
    """
    owned = {path.absolute() for path in leave}
    findings: list[Finding] = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if not path.is_file() or owned & {path.absolute(), *path.absolute().parents} or _is_database(path):
            continue
        if path.suffix == ".log":
            findings += in_log(path, person)
        else:
            findings += _in_bytes("file", path, person)
    return findings


def _is_database(path: Path) -> bool:
    """Say whether a file is a database, or stands beside one: those are cleaned by statements, never removed."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0" or ".sqlite" in path.name
    return ".sqlite" in path.name


def in_log(path: Path, person: Person) -> list[Finding]:
    """Find lines of a log that name the person."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return []
    count = sum(person.is_in(line) for line in lines)

    def remove() -> None:
        others = [line for line in path.read_bytes().splitlines(keepends=True) if not person.is_in(line)]
        with files.replacing(path) as stream:
            stream.write(b"".join(others))

    return [Finding(kind="log", path=str(path), count=count, remove=remove)] if count else []


def rows_of_table(path: Path, column: str, value: str) -> list[str]:
    """Return the ids beside a person in a results file, however old: the journal may have dropped its rows."""
    from bhuman_cli.table import reader
    from bhuman_cli.table.output import results_file

    try:
        table = reader.open_table(path, reader.ReadOptions())
        width = results_file.own_columns(table.header)
        names = [persons.folded(name) for name in table.header[: width or 0]]
        if width is None or persons.folded(column) not in names:
            return []
        place, id_place = names.index(persons.folded(column)), width + domain.RESULT_COLUMNS.index("id")
        wanted = persons.folded(value)
        return [
            cells[id_place].strip().lower()
            for _, _, cells, _ in table.records()
            if persons.folded(cells[place]) == wanted and cells[id_place].strip()
        ]
    except (errors.BhumanError, OSError):
        return []
