"""Owns the text of `bhuman studio faults`, made from the catalogue so that the two can't differ."""

from __future__ import annotations

import textwrap
from typing import Final

from bhuman_cli.studio.faults import catalogue

_HEAD: Final = """\
A fault is one line:

    [METHOD ]PATH[#N|#N-M|#N+]: ACTION [key=value …]

PATH is without /api/ai_studio/; * stands for anything. #N meets the N-th such request only, #N+ all from there on;
without it every one. times=K stops after K. Give it as `bhuman studio serve --fault '…'` (repeatable), or put lines
into a file for --faults. `render row=N` and `render text=VALUE` choose the rows whose render goes wrong.
Faults are off by default, and invented: BHuman documents 400, 401 and 422 only."""

_TITLES: Final = {
    "request": "On requests",
    "callback": "On callbacks (PATH is `callback`)",
    "render": "On renders (PATH is `render`)",
}


def text() -> str:
    """Return the whole manual page."""
    parts = [_HEAD]
    for where, title in _TITLES.items():
        parts.append(f"\n{title}:\n")
        parts.extend(_entry(action) for action in catalogue.ACTIONS if action.where == where)
    return "\n".join(parts)


def _entry(action: catalogue.Action) -> str:
    spelled = textwrap.fill(
        catalogue.spell(action), 108, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
    )
    meaning = textwrap.fill(action.meaning, 108, initial_indent="      ", subsequent_indent="      ")
    example = f"\n      e.g. {action.example}" if action.example else ""
    return f"{spelled}\n{meaning}{example}"
