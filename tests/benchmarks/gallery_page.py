"""`python -m tests.benchmarks.gallery_page`: how long a gallery takes to be made, painted, searched and filtered.

Real headless Chromium, a page opened from disk; beside it, in the same browser and round, a page with one word.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.integration.gallery import test_in_chromium as page
from tests.support import chromium

PAINT = (
    "new Promise(done => new PerformanceObserver(list => done(list.getEntriesByName('first-contentful-paint')[0]"
    ".startTime)).observe({type: 'paint', buffered: true}))"
)
ROWS = (2_000, 10_000, 20_000)
PROMISED = 10_000
"""Up to so many rows the limits hold; the larger page shows where it goes."""
PAINT_MS, SETTLED_MS = 1_000.0, 100.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def one_round(browser: chromium.Browser, folder: Path, count: int) -> dict[str, float]:
    """Make a gallery of so many rows and use it; seconds for making it, milliseconds for the rest."""
    began = time.perf_counter()
    url = page.big(folder, count)
    made_s = time.perf_counter() - began
    browser.open(url)
    paint_ms = browser.js(PAINT)
    searches = [browser.js(page.settled(page.typed(text))) for text in ("zoe 19", "zoe 7", "")]
    clicked = "document.querySelector('[data-filter={}]').click()"
    chips = [browser.js(page.settled(clicked.format(status))) for status in ("failed", "succeeded")]
    (folder / "empty.html").write_text("<!doctype html><meta charset=utf-8><title>x</title><p>word", encoding="utf-8")
    browser.open((folder / "empty.html").as_uri())
    return {
        "made": made_s,
        "size": (folder / "gallery.html").stat().st_size / 1e6,
        "paint": paint_ms,
        "floor": browser.js(PAINT),
        "search": max(searches),
        "filter": max(chips),
    }


def line(count: int, rounds: list[dict[str, float]]) -> list[object]:
    """Return the medians as a row of the table."""
    medians = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    units = {"made": " s", "size": " MB"}
    limits = {"paint": PAINT_MS, "search": SETTLED_MS, "filter": SETTLED_MS} if count <= PROMISED else {}
    return [
        f"{count:,} rows",
        *(
            report.Figure(name=name, value=value, unit=units.get(name, " ms"), limit=limits.get(name))
            for name, value in medians.items()
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a page is slower than promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gallery_page")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    if not any(map(shutil.which, BROWSERS)):
        report.note("there is no Chromium to look at pages with")
        return 0
    with tempfile.TemporaryDirectory() as name, chromium.running(Path(name) / "profile") as browser:
        one_round(browser, Path(name), 100)  # the browser's own start is not the page's
        rounds = {count: [one_round(browser, Path(name), count) for _ in range(options.rounds)] for count in ROWS}
    lines = [line(count, found) for count, found in rounds.items()]
    headers = ["gallery", "made in", "size", "first paint", "of an empty page", "slowest search", "slowest filter"]
    report.show("gallery_page", f"Gallery in Chromium, medians of {options.rounds} rounds", headers, lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
