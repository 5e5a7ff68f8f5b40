"""Owns the card that stands in for a page nobody can photograph: a name, initials, a colour. One still picture."""

from __future__ import annotations

import hashlib
import urllib.parse
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from bhuman_cli.studio.render import text

WIDTH: Final = 1280
HEIGHT: Final = 720
_TONES: Final = (
    ((64, 72, 204), (126, 92, 232)), ((15, 118, 140), (46, 176, 170)), ((190, 64, 96), (240, 130, 104)),
    ((34, 82, 160), (66, 150, 220)), ((120, 60, 160), (204, 98, 178)), ((30, 110, 80), (96, 176, 110)),
)  # fmt: skip
_LINKEDIN: Final = ((8, 72, 140), (20, 120, 200))


def draw(address: str, *, linkedin: bool = False, presenter: str = "") -> Image.Image:
    """Return a card for a web address: the site's domain, or the person's name in a LinkedIn address.

    presenter: the position of whoever stands before it, so that the words stand beside.
    """
    title, small = _words(address, linkedin=linkedin)
    tones = _LINKEDIN if linkedin else _TONES[hashlib.sha256(title.encode()).digest()[0] % len(_TONES)]
    card = _gradient(*tones)
    pen = ImageDraw.Draw(card, "RGBA")
    pen.ellipse((880, -260, 1500, 360), fill=(255, 255, 255, 18))
    pen.ellipse((-220, 420, 380, 1020), fill=(255, 255, 255, 14))
    x, width = _column(presenter)
    pen.rounded_rectangle((x - 100, 150, x + 100, 350), 48, fill=(255, 255, 255, 235))
    square = text.Box(width_px=180, size_px=96, smallest_px=40, align="center")
    _centre(card, initials(title), square, (x, 250), tones[0])
    big = text.Box(width_px=width, size_px=76, smallest_px=34, lines=2, align="center")
    _centre(card, title, big, (x, 450), (255, 255, 255))
    if small:
        under = text.Box(width_px=min(width, 900), size_px=32, smallest_px=22, align="center")
        _centre(card, small, under, (x, 560), (236, 240, 255))
    return card


def _column(presenter: str) -> tuple[int, int]:
    """Return the middle and the width of the words' column."""
    if "right" in presenter:
        return 390, 620
    return (WIDTH - 390, 620) if "left" in presenter else (WIDTH // 2, 1_060)


def initials(title: str) -> str:
    """Return one or two letters that stand for a name."""
    words = [word for word in title.replace(".", " ").replace("-", " ").split() if word != "www"]
    if len(words) >= 2 and "." not in title:
        return (words[0][0] + words[-1][0]).upper()
    return (words[0] if words else "?")[:2].capitalize()


def _words(address: str, *, linkedin: bool) -> tuple[str, str]:
    url = address if "://" in address else f"https://{address}"
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "Website", ""
    host = (parts.hostname or "").removeprefix("www.")
    steps = [urllib.parse.unquote(step) for step in parts.path.split("/") if step]
    if linkedin and len(steps) >= 2 and steps[0] in {"in", "company", "school", "pub"}:
        words = [word for word in steps[1].replace("_", "-").split("-") if word and not any(c.isdigit() for c in word)]
        return " ".join(word.capitalize() for word in words) or host, "LinkedIn"
    return host or "Website", "/".join(steps)[:60]


def _gradient(start: tuple[int, int, int], end: tuple[int, int, int]) -> Image.Image:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    mix = ((x / WIDTH + y / HEIGHT) / 2)[..., None]
    return Image.fromarray((np.array(start) * (1 - mix) + np.array(end) * mix).astype(np.uint8))


def _centre(card: Image.Image, value: str, box: text.Box, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    block = text.fit(value, box)
    drawn = Image.fromarray(text.draw(block, colour))
    card.paste(drawn, (at[0] - drawn.width // 2, at[1] - drawn.height // 2), drawn)
