"""Card that stands in for a page nobody can capture: a name, initials, a colour. One still picture."""

from __future__ import annotations

import hashlib
import urllib.parse
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from bhuman_cli.studio.render.text import layout

WIDTH: Final = 1280
HEIGHT: Final = 720
_TONES: Final = (
    ((64, 72, 204), (126, 92, 232)), ((15, 118, 140), (46, 176, 170)), ((190, 64, 96), (240, 130, 104)),
    ((34, 82, 160), (66, 150, 220)), ((120, 60, 160), (204, 98, 178)), ((30, 110, 80), (96, 176, 110)),
)  # fmt: skip
_LINKEDIN: Final = ((8, 72, 140), (20, 120, 200))


def draw(
    address: str, size: tuple[int, int] = (WIDTH, HEIGHT), *, linkedin: bool = False, presenter: str = ""
) -> Image.Image:
    """Return a card for a web address: the site's domain, or the person's name in a LinkedIn address.

    presenter: the position of whoever stands before it, so that the words stand beside.
    """
    title, small = _words(address, linkedin=linkedin)
    tones = _LINKEDIN if linkedin else _TONES[hashlib.sha256(title.encode()).digest()[0] % len(_TONES)]
    card = _gradient(size, *tones)
    unit = min(size) / HEIGHT
    pen = ImageDraw.Draw(card, "RGBA")
    _disc(pen, (size[0] - 90 * unit, 50 * unit), 310 * unit, 18)
    _disc(pen, (80 * unit, size[1]), 300 * unit, 14)
    x, y, width = _column(presenter, size)
    half = 100 * unit
    top = y - 110 * unit
    pen.rounded_rectangle((x - half, top - half, x + half, top + half), 48 * unit, fill=(255, 255, 255, 235))
    _centre(card, initials(title), _box(180, (96, 40), 1, unit), (x, round(top)), tones[0])
    _centre(card, title, _box(width / unit, (76, 34), 2, unit), (x, round(y + 90 * unit)), (255, 255, 255))
    if small:
        under = _box(min(width / unit, 900), (32, 22), 1, unit)
        _centre(card, small, under, (x, round(y + 200 * unit)), (236, 240, 255))
    return card


def _column(presenter: str, size: tuple[int, int]) -> tuple[int, int, float]:
    """Return the words' middle and the width they may have: beside the presenter, or over them where it is narrow."""
    width, height = size
    if width < 1.3 * height:
        share = 0.66 if "top" in presenter else 0.34 if "bottom" in presenter else 0.27
        return width // 2, round(height * share), width * 0.84
    if "right" in presenter:
        return round(width * 0.305), height // 2, width * 0.48
    return (round(width * 0.695), height // 2, width * 0.48) if "left" in presenter else (
        width // 2, height // 2, width * 0.83)  # fmt: skip


def _disc(pen: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, light: int) -> None:
    pen.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=(255, 255, 255, light))


def _box(width: float, sizes: tuple[int, int], lines: int, unit: float) -> layout.Box:
    """Return a box of design measures in pixels."""
    return layout.Box(
        width_px=round(width * unit),
        size_px=max(4, round(sizes[0] * unit)),
        smallest_px=max(4, round(sizes[1] * unit)),
        lines=lines,
        align="center",
    )


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


def _gradient(size: tuple[int, int], start: tuple[int, int, int], end: tuple[int, int, int]) -> Image.Image:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    mix = ((x / size[0] + y / size[1]) / 2)[..., None]
    return Image.fromarray((np.array(start) * (1 - mix) + np.array(end) * mix).astype(np.uint8))


def _centre(card: Image.Image, value: str, box: layout.Box, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    block = layout.fit(value, box)
    drawn = Image.fromarray(layout.draw(block, colour))
    card.paste(drawn, (at[0] - drawn.width // 2, at[1] - drawn.height // 2), drawn)
