"""`python -m tests.benchmarks.gallery_page`: how long a gallery takes to be made, painted, searched and filtered."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.integration.gallery import test_in_chromium as page
from tests.support import chromium

PAINT = (
    "new Promise(done => new PerformanceObserver(list => done(list.getEntriesByName('first-contentful-paint')[0]"
    ".startTime)).observe({type: 'paint', buffered: true}))"
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, chromium.running(Path(folder) / "profile") as browser:
        for count in (2_000, 5_000, 20_000):
            began = time.perf_counter()
            url = page.big(Path(folder), count)
            made = time.perf_counter() - began
            size = (Path(folder) / "gallery.html").stat().st_size / 1e6
            browser.open(url)
            paint = browser.js(PAINT)
            search = [browser.js(page.settled(page.typed(text))) for text in ("zoe 19", "zoe 7", "")]
            clicked = "document.querySelector('[data-filter={}]').click()"
            chips = [browser.js(page.settled(clicked.format(status))) for status in ("failed", "succeeded")]
            print(f"{count:6,} rows: made in {made:.2f} s, {size:.1f} MB; first paint {paint:.0f} ms", end=", ")
            print(f"search {min(search):.0f}-{max(search):.0f} ms, filter {min(chips):.0f}-{max(chips):.0f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
