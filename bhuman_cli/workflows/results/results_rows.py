"""Rows of a table's results as programs read them: one mapping each, by the columns of the results file."""

from __future__ import annotations

import contextlib
import os

from bhuman_cli import domain
from bhuman_cli.config import settings
from bhuman_cli.journal import results
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results import run_lookup


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a run, found by its id or by its table, as the journal knows them now.

    Raises:
        UsageError: there is no such run.
    """
    from bhuman_cli.table.output import results_file

    with contextlib.closing(run_context.open_journal(settings.home(os.environ))) as journal:
        run = run_lookup.named(journal, name)
        header = [*run.columns, *results_file.result_header(run.columns)]
        own = domain.RESULT_COLUMNS
        return [
            dict(zip(header, (*row.cells, *(row.fields[column] for column in own)), strict=True))
            for row in results.rows(journal, run)
        ]
