"""The share page as text: escaped, relative, complete."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bhuman_cli.studio.render.output import share_page
from bhuman_cli.studio.render.text import card

HOSTILE = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_everything_from_people_is_escaped() -> None:
    reader = read(share_page.render_page({HOSTILE: HOSTILE}, HOSTILE, ""))
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in reader.tags]
    assert reader.words.count(HOSTILE) == 4, "title, heading, name and value, as text"


@pytest.mark.parametrize(("base", "prefix"), [("", ""), ("/media/abc", "/media/abc/"), ("/media/abc/", "/media/abc/")])
def test_media_are_found_beside_the_page_or_where_the_server_has_them(base: str, prefix: str) -> None:
    reader = read(share_page.render_page({"a": "b"}, "T", base))
    video = next(attributes for tag, attributes in reader.tags if tag == "video")
    link = next(attributes for tag, attributes in reader.tags if tag == "a" and "download" in attributes)
    assert (video["src"], video["poster"]) == (f"{prefix}video.mp4", f"{prefix}thumbnail.jpg")
    assert link["href"] == f"{prefix}video.mp4"


def test_a_hostile_media_base_stays_inside_its_attribute() -> None:
    reader = read(share_page.render_page({}, "T", '"><script>'))
    assert [tag for tag, _ in reader.tags].count("script") == 1


def test_blank_values_are_left_out_and_the_others_stand_in_order() -> None:
    reader = read(share_page.render_page({"b": "2", "a": "1", "c": " "}, "T", ""))
    assert reader.words.index("2") < reader.words.index("1")
    assert [tag for tag, _ in reader.tags].count("dd") == 2


def test_nothing_is_loaded_from_elsewhere_and_search_engines_stay_out() -> None:
    text = share_page.render_page({"a": "b"}, "T", "")
    assert "http://" not in text.replace("http: https:", "")
    assert "https://" not in text
    assert "noindex" in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    ("values", "title"),
    [({"first_name": "Zoë", "x": "y"}, "A video for Zoë"), ({}, "Intro"), ({"url": "https://example.com/"}, "Intro"),
     ({"a": " ", "b": "Bo"}, "A video for Bo"), ({"a": "x" * 100}, "Intro")],
)  # fmt: skip
def test_the_heading_greets_where_it_can(values: dict[str, str], title: str) -> None:
    assert share_page.title_for("Intro", values) == title


@pytest.mark.parametrize(
    ("title", "letters"),
    [("Jane van Doe", "JD"), ("example.com", "Ex"), ("Acme", "Ac"), ("", "?"), ("王小明", "王小")],
)
def test_a_card_has_one_or_two_letters(title: str, letters: str) -> None:
    assert card.initials(title) == letters


@pytest.mark.parametrize(
    "address", ["", "https://", "linkedin.com/in/%F0%9F", "https://[bad", "https://www.linkedin.com/in/", "x" * 3_000]
)
def test_a_card_can_be_drawn_for_any_address(address: str) -> None:
    for linkedin in (True, False):
        assert card.draw(address, linkedin=linkedin).size == (1280, 720)
