"""Manual: one Markdown file for each topic of `bhuman help`, beside this module. Draws nothing."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

TOPICS: Final = (
    "getting-started", "settings", "environment", "exit-codes", "results", "running-again", "doubt", "spending", "cron",
    "callbacks", "studio", "templates", "formats", "privacy", "troubleshooting", "programs", "journal", "agents",
    "support",
)  # fmt: skip
"""In the order in which they are listed; a test holds them and the files together."""

_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def read(topic: str) -> str:
    """Return a topic's Markdown without the marks of its generated parts. topic: one of TOPICS."""
    text = resources.files(__name__).joinpath(f"{topic}.md").read_text(encoding="utf-8")
    return re.sub(r"\n{3,}", "\n\n", _COMMENT.sub("", text)).strip() + "\n"


def summary(topic: str) -> str:
    """Return what a topic is about, in a few words: what follows its name in the heading."""
    return read(topic).split("\n", 1)[0].removeprefix("# ").partition(": ")[2]
