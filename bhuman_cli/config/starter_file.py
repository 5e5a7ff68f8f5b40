"""Text of the commented project file that `render --init` writes. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Final


def starter(header: str | Sequence[str], typed: Mapping[str, object] | None = None) -> str:
    """Return a `campaign.toml` for a table with these columns; every line works as it is, or after removing its `#`.

    header: the column names, or the header line as it stands in a CSV file.
    typed: settings that hold from now on; paths as seen from the file's folder, durations in seconds.
    """
    columns = _columns(header)
    listed = ", ".join(_quoted(column) for column in columns)
    renames = "\n".join(f"# {_variable(column)} = {_quoted(column)}" for column in columns) or '# first_name = "Name"'
    return _with(_TEXT.format(columns=listed or '"first_name"', renames=renames), typed or {})


def _with(text: str, typed: Mapping[str, object]) -> str:
    """Put settings in the place of the lines that offer them; those that nothing offers stand before the tables."""
    more = ""
    for name, value in typed.items():
        option = name.replace("_", "-")
        if name in _TABLES and isinstance(value, tuple):
            pairs = "".join(f"{_bare(key)} = {_quoted(item)}\n" for key, item in value)
            text = text.replace(f"[{name}]\n", f"[{name}]\n{pairs}")
            continue
        line = f"{option} = {_toml(name, value)}"
        offered = re.compile(rf"^# (?:{option}|{name}) = .*$", re.M)
        if offered.search(text):
            text = offered.sub(line.replace("\\", r"\\"), text, count=1)
        else:
            more += f"{line}\n"
    return text.replace("# Columns whose header", f"{more}\n# Columns whose header") if more else text


def _toml(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f'"{value:g}s"' if name in _DURATIONS else f"{value:g}"
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(str(part)) for part in value)}]"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _bare(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _columns(header: str | Sequence[str]) -> list[str]:
    if isinstance(header, str):
        header = next(csv.reader(io.StringIO(header)), [])
    return [column.strip() for column in header if column.strip()]


def _variable(column: str) -> str:
    """Return a bare TOML key that looks like the variable names BHuman's documentation uses."""
    plain = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")
    return plain or _quoted(column)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(mark if mark.isprintable() else f"\\U{ord(mark):08x}" for mark in escaped) + '"'


_TABLES: Final = frozenset({"map", "set", "default"})
_DURATIONS: Final = frozenset({"timeout", "poll_interval", "lock_wait", "plan_age"})

_TEXT = """\
# Settings for one table, read by `bhuman render` when this file stands beside it under the same name.
# A flag or an environment variable wins over a line here. Credentials never belong here: `bhuman login`.

# Where the rows go: the address of the campaign in the BHuman app, or the id at its end.
# campaign = "https://app.bhuman.ai/campaign/generatedVideos/00000000-0000-0000-0000-000000000000"

# The variables of the campaign, in any order: headers are matched to them, typing mistakes are found.
# variables = [{columns}]

# Which columns are sent; the rest stay in the results file.
# only = [{columns}]
# exclude = ["email"]

# Stop before more new rows than this are paid for.
# max-rows = 2000

# Rows in one request, 1 to 2000.
# chunk-size = 500

# output = "results.csv"
# generation-mode = "keep_original"
# on-invalid = "skip"
# timeout = "2h"
# unit_cost = 1.0

# Columns whose header is not the variable's name: variable = "column".
[map]
{renames}

# A constant for every row.
[set]
# plan_name = "Pro"

# What stands in for a blank cell.
[default]
# first_name = "there"
"""
