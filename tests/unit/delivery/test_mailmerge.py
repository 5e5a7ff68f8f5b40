from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bhuman_cli.delivery import mailmerge

GOOD = {
    "share_url": "https://h/v?a=1&b=2",
    "gif": "https://h/g.gif",
    "thumbnail": "https://h/t.jpg",
    "url": "https://h/v.mp4",
}


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def parsed(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Links()
    parser.feed(html)
    return parser.found


def test_the_picture_leads_to_the_page() -> None:
    html = mailmerge.email_html(GOOD)
    (anchor, to), (image, picture), (plain, also) = parsed(html)
    assert (anchor, image, plain) == ("a", "img", "a")
    assert to["href"] == also["href"] == "https://h/v?a=1&b=2"
    assert picture["src"] == "https://h/g.gif"
    assert "&amp;" in html
    assert "\n" not in html


@pytest.mark.parametrize(
    ("missing", "picture"), [({"gif": ""}, "https://h/t.jpg"), ({"gif": "", "thumbnail": ""}, None)]
)
def test_without_a_gif_the_thumbnail_then_a_plain_link(missing: dict[str, str], picture: str | None) -> None:
    tags = parsed(mailmerge.email_html({**GOOD, **missing}))
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == ([picture] if picture else [])
    assert tags[0][1]["href"] == GOOD["share_url"]


@pytest.mark.parametrize("url", ['https://h/"onmouseover="x', "https://h/'><script>x</script>", "https://h/\n\rx"])
def test_a_hostile_link_stays_inside_its_attribute(url: str) -> None:
    tags = parsed(mailmerge.email_html({**GOOD, "share_url": url, "gif": url}))
    assert [tag for tag, _ in tags] == ["a", "img", "a"]
    assert [set(attributes) for _, attributes in tags] == [{"href"}, {"src", "alt", "width", "style"}, {"href"}]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", "data:x", "/x"])
def test_no_link_no_snippet(url: str) -> None:
    assert mailmerge.email_html({**GOOD, "share_url": url, "url": url}) == ""


def test_gmail_gets_the_plain_link_as_well() -> None:
    assert mailmerge.COLUMNS[mailmerge.For.GMAIL] == ("email_html", "video_link")
    html, link = mailmerge.cells(mailmerge.For.GMAIL, GOOD)
    assert html.startswith("<a ")
    assert link == GOOD["share_url"]
