"""`python -m tests.benchmarks.gallery_page`: how long a gallery takes to be made, painted, searched and filtered.

Real headless Chromium, a page opened from disk; beside it, in the same browser and round, a bare list of the same rows
with two links each and the plainest search there is.
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
ROWS = (2_000, 10_000)
PAINT_MS, SETTLED_MS, SIZE_MB = 1_000.0, 100.0, 5.0
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
    (folder / "bare.html").write_text(bare(count), encoding="utf-8")
    browser.open((folder / "bare.html").as_uri())
    bare_paint_ms = browser.js(PAINT)
    bare_search_ms = browser.js(page.settled(page.typed("zoë 19")))
    return {
        "made": made_s,
        "size": (folder / "gallery.html").stat().st_size / 1e6,
        "paint": paint_ms,
        "search": max(searches),
        "filter": max(chips),
        "paint to bare": paint_ms / bare_paint_ms,
        "search to bare": searches[0] / bare_search_ms,
    }


def bare(count: int) -> str:
    """Return a page with nothing but the rows, and a search that shows and hides them."""
    items = "".join(
        f'<li>Zoë {n} company {n % 7} person{n}@example.com <a href="https://videos.bhuman.ai/{n}">page</a>'
        f' <a href="https://assets.bhuman.ai/v.mp4?{n}">video</a></li>'
        for n in range(count)
    )
    search = "q.oninput = () => all.forEach(x => { x.hidden = !x.textContent.toLowerCase().includes(q.value); })"
    return (
        f"<!doctype html><meta charset=utf-8><title>x</title><input id=q><ul>{items}</ul>"
        f"<script>const all = [...document.querySelectorAll('li')]; {search}</script>"
    )


def line(count: int, rounds: list[dict[str, float]]) -> list[object]:
    """Return the medians as a row of the table."""
    medians = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    units = {"made": " s", "size": " MB", "paint to bare": "x", "search to bare": "x"}
    limits = {"paint": PAINT_MS, "filter": SETTLED_MS, "search to bare": 1.0, "size": SIZE_MB}
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
    headers = [
        "gallery",
        "made in",
        "size",
        "first paint",
        "slowest search",
        "slowest filter",
        "paint to bare",
        "search to bare",
    ]
    report.show("gallery_page", f"Gallery in Chromium, medians of {options.rounds} rounds", headers, lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
