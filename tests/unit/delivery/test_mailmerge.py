from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bhuman_cli import errors
from bhuman_cli.delivery import mailmerge
from bhuman_cli.delivery.mailmerge import For

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
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def parsed(fields: dict[str, str], name: str = "Ada") -> Links:
    parser = Links()
    parser.feed(mailmerge.email_html(mailmerge.mail(fields, name)))
    return parser


def test_one_link_holds_picture_and_words_and_needs_no_css() -> None:
    shown = parsed(GOOD)
    (anchor, to), (image, picture), (line, _) = shown.found
    assert (anchor, image, line) == ("a", "img", "br")
    assert to["href"] == "https://h/v?a=1&b=2"
    assert picture["src"] == "https://h/g.gif"
    assert (picture["width"], picture["alt"], picture["border"]) == ("480", "Video for Ada", "0")
    assert shown.words == "▶ Watch the video"
    html = mailmerge.email_html(mailmerge.mail(GOOD))
    assert "&amp;" in html
    assert "\n" not in html


def test_a_known_size_reserves_the_height() -> None:
    html = mailmerge.email_html(mailmerge.Mail(link="https://h/v", picture="https://h/g.gif", size=(320, 180)))
    assert 'width="480" height="270"' in html


@pytest.mark.parametrize(
    ("missing", "picture"), [({"gif": ""}, "https://h/t.jpg"), ({"gif": "", "thumbnail": ""}, None)]
)
def test_without_a_gif_the_thumbnail_then_a_plain_link(missing: dict[str, str], picture: str | None) -> None:
    tags = parsed({**GOOD, **missing}).found
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == ([picture] if picture else [])
    assert tags[0][1]["href"] == GOOD["share_url"]


@pytest.mark.parametrize("url", ['https://h/"onmouseover="x', "https://h/'><script>x</script>", "https://h/\n\rx"])
def test_a_hostile_link_or_name_stays_inside_its_attribute(url: str) -> None:
    shown = parsed({**GOOD, "share_url": url, "gif": url}, name=url)
    assert [tag for tag, _ in shown.found] == ["a", "img", "br"]
    assert set(shown.found[0][1]) == {"href"}
    assert set(shown.found[1][1]) == {"src", "alt", "width", "border", "style"}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", "data:x", "/x"])
def test_no_link_no_snippet(url: str) -> None:
    assert mailmerge.email_html(mailmerge.mail({**GOOD, "share_url": url, "url": url})) == ""


def test_gmail_gets_the_plain_link_as_well() -> None:
    assert mailmerge.COLUMNS[For.GMAIL] == ("email_html", "video_link")
    html, link = mailmerge.cells(For.GMAIL, mailmerge.mail(GOOD))
    assert html.startswith("<a ")
    assert link == GOOD["share_url"]


@pytest.mark.parametrize(
    ("link", "tagged"),
    [
        ("https://h/v", "https://h/v?utm_source=mail&utm_campaign=A%26B+Ltd"),
        ("https://h/v?sig=a%20b+c&utm_source=old#t=1", "https://h/v?sig=a%20b+c&utm_source=mail&utm_campaign=A%26B+Ltd#t=1"),
        ("file:///tmp/index.html", "file:///tmp/index.html"),
    ],
)  # fmt: skip
def test_campaign_fields_replace_their_own_and_leave_the_rest_as_it_is_written(link: str, tagged: str) -> None:
    pairs = mailmerge.campaign_fields("source=mail, utm_campaign={company}", ["company"])
    assert mailmerge.tagged(link, pairs, {"company": " A&B Ltd "}) == tagged


@pytest.mark.parametrize("text", ["source", "source=", "campaign={firm}", "campaign={company"])
def test_campaign_fields_that_fit_no_column_are_refused(text: str) -> None:
    with pytest.raises(errors.UsageError):
        mailmerge.campaign_fields(text, ["company"])
