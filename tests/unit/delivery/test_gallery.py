from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from bhuman_cli import domain
from bhuman_cli.delivery import gallery, media


def row(index: int, cells: tuple[str, ...] = ("Ann",), **fields: str) -> domain.ResultRow:
    empty = dict.fromkeys(domain.RESULT_COLUMNS, "")
    given = {"row_index": str(index), "id": f"id-{index}", "status": "succeeded", **fields}
    return domain.ResultRow(cells=cells, fields={**empty, **given})


def page(rows: list[domain.ResultRow], **more: object) -> gallery.Page:
    given = {"title": "t", "subtitle": "s", "header": ["name"], "labels": ["name"], "rows": rows, **more}
    return gallery.Page(**given)  # type: ignore[arg-type]


def cards(html: str) -> list[dict[str, object]]:
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert data
    return list(json.loads(data[1])["cards"])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "\"'><img src=x onerror=alert(1)>", "{{ 7*7 }}",
    "\u2028\u2029", "\ud800", "&lt;b&gt;", "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_place(text: str) -> None:
    mild = page([row(0)], header=["x"], labels=["x"])
    wild = page(
        [row(0, (text,), message=text, share_url=text)], title=text, subtitle=text, header=[text], labels=[text]
    )
    plain, parsed = _Tags(), _Tags()
    plain.feed(gallery.render(mild))
    parsed.feed(gallery.render(wild))
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in plain.tags]
    assert [set(attributes) for _, attributes in parsed.tags] == [set(attributes) for _, attributes in plain.tags]
    assert cards(gallery.render(wild))[0]["l"] == [text.encode("utf-8", "replace").decode()]


def test_an_unknown_status_is_text_too() -> None:
    html = gallery.render(page([row(0, status='x" onclick="alert(1)')]))
    assert 'onclick="alert' not in html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x",
            "\x01javascript:alert(1)", "//host/x", "/x", "http:", "https://", "ht\ntps://h/", "about:blank", "http://[::1",
            "blob:http://h/x"],
)  # fmt: skip
def test_only_three_schemes_become_links(url: str) -> None:
    (card,) = cards(
        gallery.render(page([row(0, share_url=url, url=url, gif=url, thumbnail=url, whatsapp_video_url=url)]))
    )
    assert not {"p", "v", "g", "t", "w", "c", "e"} & card.keys()


def test_links_keep_what_they_say_and_lose_what_could_break_out() -> None:
    assert media.openable(" https://h/a?b=c%20d&e=f#g ") == "https://h/a?b=c%20d&e=f#g"
    assert media.openable("https://h/\"><script>' \\") == "https://h/%22%3E%3Cscript%3E%27%20%5C"
    assert media.openable("file:///tmp/x.mp4") == "file:///tmp/x.mp4"


def test_only_the_chosen_columns_are_in_the_page() -> None:
    rows = [row(0, ("Ann", "private@example.com"))]
    html = gallery.render(page(rows, header=["name", "email"], labels=["name"]))
    assert "Ann" in html
    assert "private@example.com" not in html


def test_files_on_this_machine_come_before_the_services() -> None:
    rows = [row(0, url="https://h/v.mp4", thumbnail="https://h/t.jpg"), row(1, url="https://h/w.mp4")]
    first, second = cards(gallery.render(page(rows, files={("id-0", "video"): "media/a%20b.mp4"})))
    assert (first["v"], first["t"]) == ("media/a%20b.mp4", "https://h/t.jpg")
    assert second["v"] == "https://h/w.mp4"


def test_counts_and_the_chart_are_there_without_any_script() -> None:
    rows = [row(0, generated_at="2026-01-01T10:00:00.000Z"), row(1, generated_at="2026-01-01T11:00:00.000Z"),
            row(2, status="failed"), row(3, status="odd")]  # fmt: skip
    html = gallery.render(page(rows))
    assert re.findall(r'data-filter="(\w*)"', html) == ["", "succeeded", "failed", "odd"]
    assert "finished (UTC)" in html
    assert "time to render" in gallery.render(page(rows, seconds=[10.0, 130.0]))
    assert 'class="chart"' not in gallery.render(page([row(0)]))


def test_an_empty_run_is_a_page_as_well() -> None:
    assert cards(gallery.render(page([]))) == []
