"""Input table from settings, with its output path and the checks before the first request. Sends nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import domain, errors, files, sanitize, shell
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, keys, settings, trust
from bhuman_cli.domain import Background, Row, RowState, Target, TargetKind
from bhuman_cli.journal import history
from bhuman_cli.net import hosts
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, session
from bhuman_cli.workflows.input.input_source import InputSource

if TYPE_CHECKING:
    from bhuman_cli.table.checked_table import CheckedTable
    from bhuman_cli.table.reader import ReadOptions


def open_for(
    source: InputSource,
    values: settings.Settings,
    home: settings.Home,
    target: Target,
    console: Console,
) -> tuple[CheckedTable, str]:
    """Open and map the table as the settings say; return it with the target's name, "" where nobody says it.

    On a terminal a person is asked what only letters can tell.
    """
    from bhuman_cli.table import checked_table

    template = connections.template_beside(source.beside) if target.service == domain.LOCAL_SERVICE else None
    record = _record(values, home, target)
    names, said_by = target_variables(values, home, target, record, template)
    opened = checked_table.open_table(
        source.path,
        checked_table.TableOptions(
            read=_reading(values, source, console),
            maps=[f"{name}={column}" for name, column in values.get("map")],
            only=values.get("only"),
            exclude=values.get("exclude"),
            sets=[f"{name}={value}" for name, value in values.get("set")],
            defaults=[f"{name}={value}" for name, value in values.get("default")],
            asset_columns=values.get("asset"),
            backgrounds=backgrounds(values),
            rows=values.get("rows"),
            limit=values.get("limit"),
            known_variables=names,
            known_source=said_by,
            may_be_blank=target.service == domain.LOCAL_SERVICE and template is None,
            all_columns=bool(values.get("all_columns")),
            where=values.get("where"),
            visible_only=bool(values.get("visible_only")),
            suppress=values.get("suppress"),
            on=values.get("on"),
            strict=bool(values.get("strict")),
            allow_empty=bool(values.get("allow_empty")),
            callback_url=values.get("callback_url"),
            clean=[f"{name}={kind}" for name, kind in values.get("clean")],
            say=values.get("say"),
            own_rules=values.get("checks") or {},
            modified_at=source.modified_at,
            now=SystemClock().now(),
            loopback_base=bool(values.get("local")) or hosts.is_loopback_url(str(values.get("base_url"))),
        ),
    )
    _require_all_of(template, opened, source)
    return opened, sanitize.sentence(str(record.get("name") or ""), limit=_LONGEST_NAME)


def _require_all_of(template: Path | None, opened: CheckedTable, source: InputSource) -> None:
    if template is not None and opened.missing:
        raise errors.InputError(
            f"{template.name} needs {', '.join(opened.missing)}, and {source.name} has no such column",
            hint=shell.join(["--set", f"{opened.missing[0]}=VALUE"]),
        )


def column_names(path: Path) -> list[str]:
    """Return the columns of a table that has a name."""
    from bhuman_cli.table import reader

    return [column for column in reader.open_table(path, reader.ReadOptions()).header if column]


def _reading(values: settings.Settings, source: InputSource, console: Console | None = None) -> ReadOptions:
    from bhuman_cli.table import reader

    return reader.ReadOptions(
        sheet=values.get("sheet"),
        delimiter=values.get("delimiter"),
        encoding=values.get("encoding"),
        header_row=values.get("header_row"),
        name=source.name if source.is_address else "",
        choose_encoding=_encoding_question(console) if console and not values.get("yes") else None,
    )


def _encoding_question(console: Console) -> Callable[[str, Sequence[tuple[str, str]]], str] | None:
    """Return what shows one word in each encoding and asks which is right, None where nobody can be asked."""
    if not console.is_interactive():
        return None

    def ask(name: str, readings: Sequence[tuple[str, str]]) -> str:
        listed = "".join(f'\n  {number}  "{word}"  {codec}' for number, (codec, word) in enumerate(readings, 1))
        numbers = {str(number): codec for number, (codec, _) in enumerate(readings, 1)}
        question = f"{name}: not UTF-8. Which spelling is right?{listed}\nNumber, or Ctrl-C: "
        return numbers[console.ask(question, check=numbers.__contains__)]

    return ask


def backgrounds(values: settings.Settings) -> tuple[Background, ...]:
    """Load the backgrounds file, if one is named."""
    path = values.get("backgrounds")
    if path is None:
        return ()
    from bhuman_cli.table.checks import backgrounds

    return backgrounds.load_backgrounds(Path(path))


STDOUT: Final = Path("-")
"""`-o -`: the results go to the usual file, which outlives a crash, and at the end to stdout as well."""


def output_for(source: InputSource, values: settings.Settings, opened: CheckedTable) -> Path:
    """Return where the results go."""
    from bhuman_cli.table.output import results_file

    chosen = values.get("output")
    if chosen is not None and chosen != STDOUT:
        return Path(chosen)
    path = results_file.default_output(
        source.beside, local=bool(values.get("local")), earlier_results=opened.is_earlier_results
    )
    require_name(path)
    if chosen == STDOUT and path.suffix.lower() not in {".csv", ".tsv", ".txt"}:
        raise errors.UsageError(f"-o - prints text, and the results of {source.name} are a {path.suffix} file")
    if path.is_symlink() and not opened.is_earlier_results:
        other = path.with_name(f"{path.stem}.out{path.suffix}")
        raise errors.UsageError(
            f"{path} is a link, and results are written through one only where it is named",
            hint=shell.join(["-o", str(other)]),
        )
    return path


def require_writable(output: Path, source: InputSource, opened: CheckedTable, *, force: bool) -> None:
    """Refuse to write over the input or over somebody else's file.

    Raises:
        UsageError: it is one of those.
    """
    from bhuman_cli.table.output import results_file

    path = source.beside
    if path is not None and output.exists() and path.exists() and output.samefile(path) and not source.is_address:
        if not opened.is_earlier_results:
            instead = shell.quote(str(path.with_name(f"{path.stem}.out.csv")))
            raise errors.UsageError(f"{output}: the results would replace the input", hint=f"-o {instead}")
        return
    if output.is_dir():
        raise errors.UsageError(f"{output} is a folder", hint=f"-o {shell.quote(str(output / 'results.csv'))}")
    if not output.parent.is_dir():
        raise errors.UsageError(f"{output.parent}: there is no such folder", hint=shell.make_folder(output.parent))
    files.require_place(output)
    if not force and results_file.recognise(output) is results_file.RecognisedColumns.FOREIGN:
        raise errors.UsageError(f"{output} is not a results file of ours, and would be replaced", hint="--force")


def require_folder(folder: Path | None, option: str) -> None:
    """Refuse a place for files that is no folder and can't become one: before rows are paid, not after.

    Raises:
        UsageError: a file is in the way.
    """
    places = [folder, *folder.absolute().parents] if folder is not None else []
    nearest = next((place for place in places if place.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise errors.UsageError(f"{option} {folder}: {nearest.name} is a file, not a folder")


def require_name(path: Path | None) -> None:
    """Refuse a path that is no text: it could be kept neither in the journal nor in JSON.

    Raises:
        UsageError: it holds bytes that are not UTF-8, or is longer than a name may be there.
    """
    whole = str(path.absolute()) if path is not None else ""
    if (shown := whole.encode("utf-8", "replace").decode()) != whole:
        raise errors.UsageError(f"{shown}: the name holds bytes that are not UTF-8; rename it")
    if path is not None and len(os.fsencode(path.name)) > _longest_name(path.parent):
        raise errors.UsageError(
            f"{path.name[:40]}…: a file's name may have {_longest_name(path.parent)} bytes here, and this one has"
            f" {len(os.fsencode(path.name))}",
            hint="-o results.csv",
        )


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # another system, or no such folder
        return 255


def header_of(path: Path) -> tuple[str, ...]:
    """Return the header of a table that is read as it is.

    Raises:
        InputError: it can't be read.
    """
    from bhuman_cli.table import reader

    return reader.open_table(path, reader.ReadOptions()).header


def write_project_file(source: InputSource, values: settings.Settings, console: Console) -> int:
    """Write a commented project file from the table's header.

    Raises:
        UsageError: there is one, or the table comes from stdin.
    """
    from bhuman_cli.table import reader

    if source.beside is None:
        raise errors.UsageError("--init needs a file, not stdin")
    path = Path("bhuman.toml") if source.is_address else source.beside.with_suffix(".toml")
    header = reader.open_table(source.path, _reading(values, source)).header
    text = settings.starter(header, _typed(values, path.parent))
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise errors.UsageError(f"{path} exists already; it is left as it is") from None
    except OSError as error:
        raise errors.UsageError(f"{path} can't be written: {error.strerror}") from None
    home = settings.home(os.environ)
    trust.keep(settings.private_folder(home.state), path, trust.fingerprint(path, path.read_bytes()))
    console.out(str(path))
    return 0


def _typed(values: settings.Settings, folder: Path) -> dict[str, object]:
    """Return what was typed and may stand in a project file; relative paths as seen from its folder."""
    names = set(keys.KEYS) - keys.FLAGS_ONLY - keys.USER_ONLY - {"dry_run"}
    typed = {name: values.get(name) for name in keys.KEYS if name in names and values.source(name).startswith("flag")}
    return {name: _seen_from(value, folder) for name, value in typed.items()}


def _seen_from(value: object, folder: Path) -> object:
    if isinstance(value, tuple):
        return tuple(_seen_from(part, folder) for part in value)
    return Path(os.path.relpath(value, folder)) if isinstance(value, Path) and not value.is_absolute() else value


_LONGEST_NAME: Final = 60  # as shown on the plan
_PATIENCE_S: Final = 10.0
"""The record is a help, no more: a service that is slow to show it must not hold up a render."""


def target_variables(
    values: settings.Settings, home: settings.Home, target: Target, record: Mapping[str, Any], template: Path | None
) -> tuple[tuple[str, ...] | None, str]:
    """Return a target's variables and who says so, None where nobody knows.

    The template of a local render, the campaign's record, else the project file, else the last accepted run.
    """
    from bhuman_cli.api import wire

    if template is not None:
        return connections.load_template(template).variables, template.name
    if recorded := wire.record_variables(record):
        return recorded, "the campaign's record"
    if values.get("variables"):
        return tuple(values.get("variables")), values.source("variables")
    if target.service == domain.LOCAL_SERVICE:
        return None, ""
    from bhuman_cli.journal import database

    with contextlib.closing(database.scratch(home.state, SystemClock(), home.journal)) as journal:
        last = history.last_variables(journal, target)
    return last, "the last accepted run on this target"


def _record(values: settings.Settings, home: settings.Home, target: Target) -> Mapping[str, Any]:
    """Ask for the campaign's record, which only a user token opens; {} without it. Source: API contract, 2.8."""
    is_asked = target.kind is TargetKind.CAMPAIGN and target.api_id != domain.NO_TARGET
    if not is_asked or target.service == domain.LOCAL_SERVICE or values.get("dry_run"):
        return {}
    opened = session.Session(console=Console(quiet=True), values=values, home=home, environ=os.environ)
    try:
        stored = opened.stored_credentials()
        if stored.bearer is None:
            return {}
        bearer = credentials.Credentials(bearer=stored.bearer, source=stored.source)
        with opened.client(bearer, patience_s=_PATIENCE_S) as client:
            return client.resource(target.kind, target.api_id) or {}
    except errors.BhumanError:
        return {}


_EXAMPLES = 5


def warn_missing_glyphs(rows: Iterable[Row], console: Console) -> Iterator[Row]:
    """Pass rows on; at their end, warn once about characters that would be missing, with the lines they stand in.

    The characters are named by code point: they can't be shown, and a value is never quoted.
    """
    from bhuman_cli.studio.render.text import layout

    missing: dict[str, None] = {}
    lines: list[int] = []
    count = 0
    for row in rows:
        if row.state is RowState.PENDING and row.selected:
            characters = "".join(layout.uncovered(value) for value in row.values if not value.isascii())
            if characters:
                count += 1
                missing.update(dict.fromkeys(characters))
                lines += [row.line] if len(lines) < _EXAMPLES else []
        yield row
    if missing:
        points = ", ".join(f"U+{ord(character):04X}" for character in list(missing)[:_EXAMPLES])
        more = f" and {len(missing) - _EXAMPLES} more" if len(missing) > _EXAMPLES else ""
        where = ", ".join(map(str, lines)) + (" …" if count > len(lines) else "")
        what = f"{count} rows (lines {where})" if count > 1 else f"1 row (line {where})"
        console.warn(f"no installed font has {points}{more}; these characters will be missing in {what}")
        console.say("hint: apt install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji")
