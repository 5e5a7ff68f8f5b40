"""Draws the README's pictures from the real code: `python -m tests.support.pictures`. Not run by the suite."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bhuman_cli.terminal import progress
from tests.support import chromium

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / ".github" / "images"


def draw_progress(path: Path) -> None:
    """Write the progress table of an imagined campaign of 2,000 rows as SVG."""
    look = progress.Snapshot(
        tally={"succeeded": 812, "processing": 20, "queued": 648, "pending": 500, "failed": 3, "skipped": 17},
        chunks=[(1, 500, 500), (2, 312, 500), (3, 3, 483)],
    )
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True)
    console.print("$ bhuman render campaign.csv")
    console.print("plan: 1,983 new, 0 reused rows in 4 requests", highlight=False)
    console.print(progress.drawn(look, rate=31.4, left="37 min"))
    svg = console.export_svg(title="bhuman render")
    # The fonts would be fetched from somewhere; a reader's own monospace font does as well.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S), encoding="utf-8")


def draw_gallery(path: Path) -> None:
    """Render sample_data/campaign.csv with the local studio, and take a picture of its gallery as PNG."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(REPOSITORY / "sample_data" / "campaign.csv", folder)
        for words in (["render", "campaign.csv", "--local", "--progress", "none"], ["gallery", "-o", "gallery.html"]):
            subprocess.run(
                [sys.executable, "-m", "bhuman_cli", *words], cwd=folder, check=True,
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "BHUMAN_HOME": str(folder / "home")},
            )  # fmt: skip
        with chromium.running(folder / "profile") as browser:
            browser.open((folder / "gallery.html").as_uri(), width=1100, height=800)
            browser.js("Promise.all([...document.images].map(image => image.decode().catch(() => 0))).then(() => 0)")
            browser.screenshot(path)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    draw_progress(FOLDER / "progress.svg")
    draw_gallery(FOLDER / "gallery.png")
