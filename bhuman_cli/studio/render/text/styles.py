"""Caption styles: each turns a caption into one RGBA picture and its place. No timing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bhuman_cli.studio.render.scene import Caption
from bhuman_cli.studio.render.text import layout

RGB = tuple[int, int, int]
INK: Final[RGB] = (23, 28, 44)
WHITE: Final[RGB] = (255, 255, 255)
ACCENT: Final[RGB] = (88, 80, 236)
SAFE: Final = 0.055
"""Share of the shorter side that stays free at every edge: players and phones cover the rest."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A picture to lay over the video. x, y: even, from the top left corner. rise_px: how far it slides in."""

    pixels: NDArray[np.uint8]
    x: int
    y: int
    rise_px: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The video's size; unit is the design's pixel (1 at 720 lines)."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        """Return real pixels per design pixel."""
        return min(self.width, self.height) / 720

    def px(self, design: float) -> int:
        """Return a design length in real pixels, at least 1."""
        return max(1, round(design * self.unit))


Drawn = Image.Image


def patch(caption: Caption, frame: Frame) -> Patch:
    """Draw a caption and place it: inside the safe area, stacked with others at the same position."""
    picture = _STYLES[caption.style](caption, frame)
    x, y = _place(caption, frame, picture.width, picture.height)
    picture, x, y = _even(picture, x, y, frame)
    return Patch(np.asarray(picture), x, y, frame.px(26) & ~1)


def is_shortened(caption: Caption, frame: Frame) -> bool:
    """Say whether the caption's text ends in an ellipsis in the picture."""
    rooms = {
        "greeting": (_greeting_room(frame), (76, 34), 2), "lower-third": (_third_room(frame), (48, 24), 2),
        "title": (_title_room(frame), (92, 36), 3), "caption": (int(frame.width * 0.8), (38, 22), 2),
        "badge": (int(frame.width * 0.5), (32, 20), 1),
        "card": (_card_room(frame), (40, 22), 3 if caption.slots < 3 else 2),
    }  # fmt: skip
    room, sizes, lines = rooms[caption.style]
    return _fit(caption, frame, room, sizes, lines).is_cut


def _greeting_room(frame: Frame) -> int:
    return int(frame.width * (1 - 2 * SAFE)) - frame.px(110)


def _third_room(frame: Frame) -> int:
    return int(frame.width * 0.72) - frame.px(80)


def _title_room(frame: Frame) -> int:
    return int(frame.width * (1 - 2 * SAFE)) - frame.px(60)


def _card_room(frame: Frame) -> int:
    return min(int(frame.width * 0.86), max(int(frame.width * 0.36), frame.px(430))) - frame.px(72)


def colour(value: str, default: RGB) -> RGB:
    """Read six hexadecimal digits; empty gives the default."""
    return (int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)) if value else default


def _fit(caption: Caption, frame: Frame, room_px: int, sizes: tuple[float, float], lines: int) -> layout.Block:
    """Fit a caption's text; sizes: normal and smallest, in design pixels."""
    box = layout.Box(
        width_px=room_px,
        size_px=frame.px(sizes[0] * caption.size),
        smallest_px=frame.px(sizes[1]),
        lines=lines,
        font=caption.font,
        align="center" if caption.style in _CENTRED else "left",
    )
    return layout.fit(caption.text, box)


_CENTRED: Final = frozenset({"title", "caption"})


def _greeting(caption: Caption, frame: Frame) -> Drawn:
    block = _fit(caption, frame, _greeting_room(frame), (76, 34), 2)
    look = _Look(WHITE, 242, colour(caption.accent, ACCENT), 40, 22, 26)
    return _panel(block, colour(caption.colour, INK), frame, look)


def _lower_third(caption: Caption, frame: Frame) -> Drawn:
    block = _fit(caption, frame, _third_room(frame), (48, 24), 2)
    look = _Look(WHITE, 240, colour(caption.accent, ACCENT), 30, 15, 16)
    return _panel(block, colour(caption.colour, INK), frame, look, caption.label)


def _title(caption: Caption, frame: Frame) -> Drawn:
    block = _fit(caption, frame, _title_room(frame), (92, 36), 3)
    ink = Image.fromarray(layout.draw(block, colour(caption.colour, WHITE)))
    margin, line = frame.px(26), frame.px(8)
    size = (ink.width + 2 * margin, ink.height + 2 * margin + line)
    alpha = Image.new("L", size)
    alpha.paste(ink.getchannel("A"), (margin, margin))
    # Two shadows: a wide soft one lifts the text off busy footage, a tight one keeps white on white legible.
    wide = alpha.filter(ImageFilter.BoxBlur(frame.px(9))).point(_gain(1.1))
    tight = alpha.filter(ImageFilter.BoxBlur(frame.px(2))).point(_gain(0.75))
    out = Image.new("RGBA", size, (10, 14, 30, 0))
    out.putalpha(ImageChops.lighter(wide, tight))
    bar = _rounded(frame.px(120), line, line // 2, colour(caption.accent, ACCENT), 255)
    out.alpha_composite(bar, ((size[0] - bar.width) // 2, size[1] - margin - line // 2))
    out.alpha_composite(ink, (margin, margin))
    return out


def _caption(caption: Caption, frame: Frame) -> Drawn:
    block = _fit(caption, frame, int(frame.width * 0.8), (38, 22), 2)
    return _pill(block, colour(caption.colour, WHITE), frame, colour(caption.accent, (16, 18, 28)), 205, frame.px(16))


def _badge(caption: Caption, frame: Frame) -> Drawn:
    block = _fit(caption, frame, int(frame.width * 0.5), (32, 20), 1)
    return _pill(block, colour(caption.colour, WHITE), frame, colour(caption.accent, ACCENT), 245, frame.px(60))


def _card(caption: Caption, frame: Frame) -> Drawn:
    room = _card_room(frame)
    block = _fit(caption, frame, room, (40, 22), 3 if caption.slots < 3 else 2)
    look = _Look(WHITE, 246, colour(caption.accent, ACCENT), 30, 18, 20, wide_px=room)
    return _panel(block, colour(caption.colour, INK), frame, look, caption.label)


@dataclass(frozen=True, slots=True)
class _Look:
    fill: RGB
    opacity: int
    accent: RGB
    side: int
    ends: int
    radius: int
    wide_px: int = 0


def _panel(block: layout.Block, ink: RGB, frame: Frame, look: _Look, label: str = "") -> Drawn:
    """A rounded panel with a soft shadow, an accent bar on the side where reading starts, and a small label above."""
    small = (
        layout.fit(
            label, layout.Box(width_px=look.wide_px or frame.width // 2, size_px=frame.px(21), smallest_px=frame.px(14))
        )
        if label
        else None
    )
    bar, gap = frame.px(8), frame.px(18)
    width = max(block.width_px, small.width_px if small else 0, look.wide_px)
    label_px = (small.height_px + frame.px(2)) if small else 0
    outer = (width + 2 * frame.px(look.side) + bar + gap, block.height_px + label_px + 2 * frame.px(look.ends))
    panel, margin = _shadowed(outer, frame.px(look.radius), look.fill, look.opacity, frame.px(14))
    panel = panel.copy()
    left = margin + frame.px(look.side)
    bar_x = left + width + gap if block.right_to_left else left
    text_x = left if block.right_to_left else left + bar + gap
    top = margin + frame.px(look.ends)
    panel.alpha_composite(_rounded(bar, outer[1] - 2 * frame.px(look.ends), bar // 2, look.accent, 255), (bar_x, top))
    if small:
        aligned = (
            layout.Block(small.lines, small.size_px, block.right_to_left, "left") if not small.right_to_left else small
        )
        _lay(panel, aligned, look.accent, (text_x, top), width)
    _lay(panel, block, ink, (text_x, top + label_px), width)
    return panel


def _pill(block: layout.Block, ink: RGB, frame: Frame, fill: RGB, opacity: int, radius: int) -> Drawn:
    size = (block.width_px + 2 * frame.px(28), block.height_px + 2 * frame.px(10))
    panel, margin = _shadowed(size, min(radius, size[1] // 2), fill, opacity, frame.px(10))
    panel = panel.copy()
    _lay(panel, block, ink, (margin + frame.px(28), margin + frame.px(10)), block.width_px)
    return panel


def _lay(panel: Drawn, block: layout.Block, ink: RGB, at: tuple[int, int], width: int) -> None:
    margin = layout.pad(block)
    drawn = Image.fromarray(layout.draw(block, ink, width))
    x, y = at[0] - margin, at[1] - margin
    crop = (max(0, -x), max(0, -y), min(drawn.width, panel.width - x), min(drawn.height, panel.height - y))
    panel.alpha_composite(drawn.crop(crop), (max(0, x), max(0, y)))


@functools.lru_cache(maxsize=64)
def _shadowed(size: tuple[int, int], radius: int, fill: RGB, opacity: int, reach: int) -> tuple[Drawn, int]:
    """Return a rounded rectangle on its own soft shadow, and the margin the shadow takes on each side."""
    margin = 2 * reach
    mask = Image.new("L", (size[0] + 2 * margin, size[1] + 2 * margin))
    shape = _rounded(*size, radius, WHITE, 255).getchannel("A")
    mask.paste(shape, (margin, margin + reach // 2))
    shadow = Image.new("RGBA", mask.size, (8, 12, 32, 0))
    for _ in range(2):  # two box blurs look like one Gaussian and cost a fifth
        mask = mask.filter(ImageFilter.BoxBlur(reach / 2))
    shadow.putalpha(mask.point(_gain(0.34)))
    face = Image.new("RGBA", mask.size, (*fill, 0))
    face.paste((*fill, opacity), (margin, margin), shape)
    # The panel replaces its shadow instead of lying on it, or a see-through panel would look dirty.
    hole = Image.new("L", mask.size)
    hole.paste(shape, (margin, margin))
    shadow.putalpha(ImageChops.multiply(shadow.getchannel("A"), ImageChops.invert(hole)))
    shadow.alpha_composite(face)
    return shadow, margin


@functools.lru_cache(maxsize=64)
def _rounded(width: int, height: int, radius: int, fill: RGB, opacity: int) -> Drawn:
    mask = Image.new("L", (width * 4, height * 4))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width * 4 - 1, height * 4 - 1), radius * 4, fill=opacity)
    out = Image.new("RGBA", (width, height), (*fill, 0))
    out.putalpha(mask.resize((width, height), Image.Resampling.BOX))
    return out


def _gain(factor: float) -> Callable[[int], float]:
    return lambda value: min(255.0, value * factor)


def _place(caption: Caption, frame: Frame, width: int, height: int) -> tuple[int, int]:
    if caption.at is not None:
        x, y = caption.at[0] * frame.width - width / 2, caption.at[1] * frame.height - height / 2
        return int(x), int(y)
    margin = int(min(frame.width, frame.height) * SAFE)
    shadow = frame.px(20)  # the shadow may reach into the safe margin, the panel may not
    x = frame.width - width - margin + shadow if "right" in caption.position else margin - shadow
    if "left" not in caption.position and "right" not in caption.position:
        x = (frame.width - width) // 2
    # A player's controls lie over the lowest fifth, before the first play as well: a greeting has to win that click.
    low = max(margin, frame.height // 5) if caption.style == "greeting" else margin
    y = frame.height - height - low + shadow if "bottom" in caption.position else margin - shadow
    step = height - shadow
    if "bottom" in caption.position:
        return x, y - caption.slot * step
    if "top" in caption.position:
        return x, y + caption.slot * step
    return x, int((frame.height - height) / 2 + (caption.slot - (caption.slots - 1) / 2) * step)


def _even(picture: Drawn, x: int, y: int, frame: Frame) -> tuple[Drawn, int, int]:
    """Cut to the frame and pad to even size and place, because colour is stored at half size."""
    left, top = max(0, x) & ~1, max(0, y) & ~1
    right, bottom = min(frame.width, x + picture.width), min(frame.height, y + picture.height)
    width, height = max(2, (right - left + 1) & ~1), max(2, (bottom - top + 1) & ~1)
    left, top = min(left, frame.width - width), min(top, frame.height - height)
    out = Image.new("RGBA", (width, height))
    out.paste(picture, (x - left, y - top))
    return out, left, top


_STYLES: Final[dict[str, Callable[[Caption, Frame], Drawn]]] = {
    "greeting": _greeting,
    "lower-third": _lower_third,
    "title": _title,
    "caption": _caption,
    "badge": _badge,
    "card": _card,
}
