from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from bhuman_cli import domain
from bhuman_cli.delivery import gallery, media
from tests.support.gallery_cards import LINKS, cards


def row(index: int, cells: tuple[str, ...] = ("Ann",), **fields: str) -> domain.ResultRow:
    empty = dict.fromkeys(domain.RESULT_COLUMNS, "")
    given = {"row_index": str(index), "id": f"id-{index}", "status": "succeeded", **fields}
    return domain.ResultRow(cells=cells, fields={**empty, **given})


def page(rows: list[domain.ResultRow], **more: object) -> gallery.Page:
    given = {"title": "t", "subtitle": "s", "header": ["name"], "labels": ["name"], "rows": rows, **more}
    return gallery.Page(**given)  # type: ignore[arg-type]


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
    assert not set(LINKS) & card.keys()


def test_links_keep_what_they_say_and_lose_what_could_break_out() -> None:
    assert media.openable(" https://h/a?b=c%20d&e=f#g ") == "https://h/a?b=c%20d&e=f#g"
    assert media.openable("https://h/\"><script>' \\") == "https://h/%22%3E%3Cscript%3E%27%20%5C"
    assert media.openable("file:///tmp/x.mp4") == "file:///tmp/x.mp4"


def test_a_page_to_pass_on_holds_no_link_to_this_machine() -> None:
    local = "file:///home/zoe/media/x/index.html"
    html = gallery.render(page([row(0, share_url=local, url="http://127.0.0.1:9/v.mp4")], is_alone=True))
    assert not set(LINKS) & cards(html)[0].keys()
    assert "zoe" not in html


def test_links_are_sent_once_and_come_back_as_they_were() -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(200)]
    rows = [
        row(number, id=id_, share_url=f"https://h/video/{id_}", url=f"https://h/media/{id_}/video.mp4?a=1")
        for number, id_ in enumerate(ids)
    ]
    html = gallery.render(page([*rows, row(200, id=ids[0], gif="https://cdn/no-id.gif")]))
    found = cards(html)
    assert [card["p"] for card in found[:200]] == [f"https://h/video/{id_}" for id_ in ids]
    assert [card["v"] for card in found[:200]] == [f"https://h/media/{id_}/video.mp4?a=1" for id_ in ids]
    assert found[200]["g"] == "https://cdn/no-id.gif"
    assert html.count("https://h/") == 2


def test_twenty_thousand_rows_are_at_most_5_mb() -> None:
    base = "https://assets.bhuman.ai"
    rows = []
    for number in range(20_000):
        id_ = f"00000000-0000-4000-8000-{number:012}"
        links = {"url": f"{base}/{id_}.mp4", "gif": f"{base}/{id_}.gif", "thumbnail": f"{base}/{id_}.jpg"}
        cells = (
            f"Given{number} Family",
            f"Company {number % 700} Ltd",
            f"person{number}@company{number % 700}.example",
        )
        rows.append(row(number, cells, id=id_, share_url=f"https://videos.bhuman.ai/{id_}", **links))
    header = ["name", "company", "email"]
    assert len(gallery.render(page(rows, header=header, labels=header)).encode()) <= 5_000_000


def test_files_on_this_machine_come_before_the_services() -> None:
    rows = [row(0, url="https://h/v.mp4", thumbnail="https://h/t.jpg"), row(1, url="https://h/w.mp4")]
    first, second = cards(gallery.render(page(rows, files={("id-0", "video"): "media/a%20b.mp4"})))
    assert (first["v"], first["t"]) == ("media/a%20b.mp4", "https://h/t.jpg")
    assert second["v"] == "https://h/w.mp4"


def test_counts_and_the_chart_are_there_without_any_script() -> None:
    rows = [row(n, generated_at=f"2026-01-01T10:{n:02}:00.000Z") for n in range(30)]
    rows += [row(30, status="failed"), row(31, status="odd")]
    html = gallery.render(page(rows))
    assert re.findall(r'data-filter="(\w*)"', html) == ["", "succeeded", "failed", "odd"]
    assert "<title>t: 30 of 32 videos</title>" in html
    assert "finished (UTC)" in html
    assert "time to render" in gallery.render(page(rows, seconds=[10.0 + n for n in range(30)]))
    assert 'class="chart"' not in gallery.render(page([row(0)]))


def test_an_empty_run_is_a_page_as_well() -> None:
    assert cards(gallery.render(page([]))) == []
