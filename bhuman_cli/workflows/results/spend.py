"""Spend report: what was paid, by campaign, file, profile, client or time, on the screen or as a file. Asks nobody."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import durations, errors, files
from bhuman_cli.clock import SystemClock
from bhuman_cli.journal import spend
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.table.output.counts import Frame

SCHEMA: Final = "bhuman.spend/1"
GROUPS: Final = ("campaign", "file", "profile", "month", "day", "client")
ENDINGS: Final = (".csv", ".xlsx", ".json", ".html")
_BAR: Final = 24
_MARK: Final = '<meta name="generator" content="bhuman spend">'


def write(session: Session, by: str, since: str | None, output: Path | None) -> None:
    """Count the payments by one group and show or write them.

    Raises:
        UsageError: an unknown group, date or ending, or a file there that is not ours.
    """
    if by not in GROUPS:
        raise errors.UsageError(f"--by {by[:40]!r}: one of {', '.join(GROUPS)}", hint="bhuman spend --by month")
    begins = _since(since)
    if output is not None:
        _require_writable(output)
    from bhuman_cli.table.output import counts

    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        rows = list(_grouped(spend.payments(journal), by, begins))
    counted = counts.spend_by(rows, by, session.values.get("unit_cost"))
    if output is not None:
        _write(counted, by, since, output)
        session.console.say(f"{len(counted):,} groups written")
        session.console.out(str(output))
    elif session.console.json_mode:
        session.console.out_json({"schema": SCHEMA, "by": by, "since": since, "rows": _records(counted)})
    else:
        _show(counted, session.console)


def _since(text: str | None) -> datetime | None:
    """Read a date of this machine, or how long ago."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text).astimezone()
    try:
        return SystemClock().now() - timedelta(seconds=durations.parse(text))
    except errors.UsageError:
        raise errors.UsageError(f"--since {text[:40]!r}: neither a date nor how long ago", hint="--since 30d") from None


def _grouped(payments: Iterator[spend.Payment], by: str, begins: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the payments with their group; days and months are those of this machine."""
    for payment in payments:
        at = datetime.fromisoformat(payment.at).astimezone() if payment.at else None
        if begins is not None and (at is None or at < begins):
            continue
        row = asdict(payment)
        row["day"] = at.strftime("%Y-%m-%d") if at is not None else ""
        row["month"] = row["day"][:7]
        row[by] = row[by] or ("another journal" if by == "file" else "unknown")
        yield row


def _records(counted: Frame) -> list[dict[str, Any]]:
    import json

    records: list[dict[str, Any]] = json.loads(counted.reset_index().to_json(orient="records"))
    return records


def _show(counted: Frame, console: Console) -> None:
    """Show the table with a bar beside each group's payments."""
    from bhuman_cli.table.output import counts

    if counted.empty:
        console.say("nothing was paid")
        return
    header, lines = counts.status_counts(counted)
    paid = [int(value) for value in counted["paid"]]
    bars = ["█" * round(_BAR * value / (max(paid) or 1)) for value in paid] if console.is_watched() else []
    names = [Path(line[0]).name if header[0] == "file" and console.is_watched() else line[0] for line in lines]
    rows = [
        [name, *line[1:], *bars[place : place + 1]] for place, (name, line) in enumerate(zip(names, lines, strict=True))
    ]
    console.table([*header, *([""] if bars else [])], rows, right=header[1:])


def _require_writable(output: Path) -> None:
    if output.suffix.lower() not in ENDINGS:
        raise errors.UsageError(f"-o {output}: the ending is one of {', '.join(ENDINGS)}", hint="-o spend.csv")
    files.require_place(output)


def _write(counted: Frame, by: str, since: str | None, output: Path) -> None:
    from bhuman_cli.table.output import counts

    if output.suffix.lower() != ".html":
        counts.write(counted, output)
        return
    with files.replacing(output) as stream:
        stream.write(_page(counted, by, since).encode())


def page(payments: Sequence[Mapping[str, object]], by: str, since: str | None) -> str:
    """Return the report of payments as one page."""
    from bhuman_cli.table.output import counts

    return _page(counts.spend_by(payments, by), by, since)


def _page(counted: Frame, by: str, since: str | None) -> str:
    """Return one page with a chart and the figures; it asks the network for nothing."""
    from bhuman_cli.delivery import gallery
    from bhuman_cli.table.output import counts

    header, lines = counts.status_counts(counted)
    style = gallery.stylesheet()
    paid = [int(value) for value in counted["paid"]]
    most, total = max(paid, default=0) or 1, sum(paid)
    title = html.escape(f"Videos paid by {by}" + (f", since {since}" if since else ""))
    bars = "".join(
        f'<rect class="bar" x="0" y="{place * 28 + 4}" width="{600 * value / most:.1f}" height="20" rx="3">'
        f"<title>{html.escape(lines[place][0])}: {value:,} paid</title></rect>"
        for place, value in enumerate(paid)
    )
    chart = (
        f'<svg class="spend" viewBox="0 0 600 {28 * len(paid)}" role="img" aria-label="{title}: {total:,} in all"'
        f' preserveAspectRatio="none">{bars}</svg>'
    )
    heads = "".join(f'<th scope="col">{html.escape(name.replace("_", " "))}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{html.escape(line[0])}</th>' + "".join(f"<td>{cell}</td>" for cell in line[1:]) + "</tr>"
        for line in lines
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{_MARK}\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-"
        f"{gallery.digest(style)}'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n"
        f'<body class="gallery">\n<main>\n<h1>{title}</h1>\n<p class="sub">{total:,} videos paid</p>\n{chart}\n'
        f'<table class="lines"><caption class="hide">{title}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>\n</main>\n</body>\n</html>\n"
    )
