"""The share page as text: escaped, relative, complete."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from bhuman_cli.studio.render import personal
from bhuman_cli.studio.render.output import share_page
from bhuman_cli.studio.render.template import Sender
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


def page(values: dict[str, str] | None = None, title: str = "T", **more: Any) -> share_page.SharePage:
    return share_page.SharePage(values=values or {}, title=title, **more)


def test_everything_from_people_is_escaped() -> None:
    sender = Sender(name=HOSTILE, link="https://h/" + HOSTILE, action=HOSTILE)
    reader = read(page({HOSTILE: HOSTILE}, HOSTILE, sender=sender).html())
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in reader.tags]
    assert reader.words.count(HOSTILE) == 5, "title, heading, name, value and button, as text"


@pytest.mark.parametrize(("base", "prefix"), [("", ""), ("/media/abc", "/media/abc/"), ("/media/abc/", "/media/abc/")])
def test_media_are_found_beside_the_page_or_where_the_server_has_them(base: str, prefix: str) -> None:
    reader = read(page({"a": "b"}).html(base))
    video = next(attributes for tag, attributes in reader.tags if tag == "video")
    link = next(attributes for tag, attributes in reader.tags if tag == "a" and "download" in attributes)
    assert (video["src"], video["poster"]) == (f"{prefix}video.mp4", f"{prefix}thumbnail.jpg")
    assert link["href"] == f"{prefix}video.mp4"


def test_a_hostile_media_base_stays_inside_its_attribute() -> None:
    assert [tag for tag, _ in read(page().html('"><script>')).tags].count("script") == 2


def test_a_chat_gets_a_whole_address_of_the_picture_where_there_is_one() -> None:
    served = page().html("/media/abc/", "http://127.0.0.1:8001")
    assert '<meta property="og:image" content="http://127.0.0.1:8001/media/abc/thumbnail.jpg">' in served
    assert "og:image" not in page().html()


def test_the_sender_asks_for_one_thing_and_the_values_are_folded_away() -> None:
    sender = Sender(name="Maya", link="https://acme.example/book", action="Book a time")
    reader = read(page({"company": "Acme"}, sender=sender, duration_s=9.0).html())
    main = next(
        attributes for tag, attributes in reader.tags if tag == "a" and attributes.get("class") == "button main"
    )
    assert main["href"] == "https://acme.example/book"
    assert {"Book a time", "From Maya", "0:09"} <= set(reader.words)
    assert "open" not in next(attributes for tag, attributes in reader.tags if tag == "details")
    assert not [tag for tag, _ in read(page({"company": "Acme"}).html()).tags if tag == "i"]


def test_nothing_is_loaded_from_elsewhere_and_search_engines_stay_out() -> None:
    text = page({"a": "b"}).html()
    assert "http://" not in text.replace("http: https:", "")
    assert "https://" not in text
    assert "noindex" in text
    assert "default-src 'none'" in text


def test_a_server_reads_what_the_page_was_made_of() -> None:
    made = page({"company": "Ácme"}, sender=Sender(name="M"), duration_s=8.5, size=(720, 1280))
    assert share_page.read(made.html()) == made
    hostile = page({"a": HOSTILE}, HOSTILE)
    assert share_page.read(hostile.html()) == hostile
    assert share_page.read("<html>") is None


@pytest.mark.parametrize(
    ("values", "title"),
    [({"first_name": "Zoë", "x": "y"}, "A video for Zoë"), ({}, "A video for you"),
     ({"url": "https://example.com/"}, "A video for you"), ({"a": " ", "b": "Bo"}, "A video for Bo"),
     ({"id": "7", "first_name": "Bo"}, "A video for Bo")],
)  # fmt: skip
def test_the_heading_greets_where_it_can(values: dict[str, str], title: str) -> None:
    assert share_page.title_for(values) == title


@pytest.mark.parametrize(
    ("name", "value"),
    [("email", "x"), ("E-Mail", "x"), ("workPhone", "x"), ("contact", "ana@example.com"), ("crm_id", "A-7"),
     ("contact", "+44 20 7946 0958"), ("notes", "likes tea"), ("site", "acme.example"), ("active", "TRUE"),
     ("page", "https://acme.example"), ("x", "a sentence that goes on, " * 4), ("budget", "20,331"),
     ("ref", "6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11")],
)  # fmt: skip
def test_what_is_the_senders_business_is_never_shown(name: str, value: str) -> None:
    assert personal.presentable({"first_name": "Ada", name: value}) == {"first_name": "Ada"}


@pytest.mark.parametrize(
    ("values", "line"),
    [({"company": "Green, Grey & Co"}, "Made for {company}"), ({"product": "a plan"}, "A few words about {product}"),
     ({"email": "a@b.example"}, ""), ({"Company": "A", "Product": "B"}, "{Product}, made for {Company}")],
)  # fmt: skip
def test_the_built_in_presenter_says_a_sentence(values: dict[str, str], line: str) -> None:
    assert personal.sentence(values)[0] == line


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
