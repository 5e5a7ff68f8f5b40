"""Owns the drawing of the built-in presenter: a flat, friendly figure in a quiet room. Pictures only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH: Final = 1280
HEIGHT: Final = 720
SHARP: Final = 2
"""Drawn at twice the size and averaged down: that is the anti-aliasing."""

REGION: Final = (90, 70, 850, 720)
"""The part of the picture in which anything moves."""

Colour = tuple[int, int, int]
Point = tuple[float, float]

SKIN: Final[Colour] = (240, 192, 160)
SKIN_SHADE: Final[Colour] = (222, 164, 132)
HAIR: Final[Colour] = (74, 48, 52)
HAIR_LIGHT: Final[Colour] = (98, 66, 68)
SWEATER: Final[Colour] = (84, 92, 226)
SWEATER_SHADE: Final[Colour] = (66, 72, 196)
SWEATER_LIGHT: Final[Colour] = (112, 120, 240)
SHIRT: Final[Colour] = (250, 250, 255)
INK: Final[Colour] = (52, 38, 46)
LIPS: Final[Colour] = (186, 82, 84)
MOUTH: Final[Colour] = (122, 44, 54)
BLUSH: Final[Colour] = (240, 168, 146)
GREEN: Final[Colour] = (0, 255, 0)


@dataclass(frozen=True, slots=True)
class Pose:
    """Everything that moves. sway, nod: design pixels; mouth, blink, arm: 0..1; wave: radians; brow: design pixels."""

    sway: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    mouth: float = 0.0
    blink: float = 0.0
    arm: float = 0.0
    wave: float = 0.0
    brow: float = 0.0


def room() -> Image.Image:
    """Return the still background at drawing size: a wall with light, a picture, a shelf and a plant."""
    width, height = WIDTH * SHARP, HEIGHT * SHARP
    y, x = np.mgrid[0:height:4, 0:width:4].astype(np.float32)
    glow = np.exp(-(((x - width * 0.36) / (width * 0.42)) ** 2 + ((y - height * 0.38) / (height * 0.6)) ** 2))
    top, bottom, light = np.float32([206, 212, 238]), np.float32([232, 222, 236]), np.float32([252, 246, 246])
    mix = (y / height)[..., None]
    wall = top * (1 - mix) + bottom * mix
    wall = wall * (1 - 0.75 * glow[..., None]) + light * 0.75 * glow[..., None]
    image = Image.fromarray(wall.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    pen = _Pen(image)
    _disc(pen)
    _window(pen)
    _shelf(pen)
    _plant(pen)
    # A shallow depth of field: the person is what one looks at.
    return image.filter(ImageFilter.GaussianBlur(2.2))


def green() -> Image.Image:
    """Return the plain background of the variant for chroma keying."""
    return Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), GREEN)


def draw(background: Image.Image, pose: Pose) -> Image.Image:
    """Return REGION of one frame, drawn and averaged down."""
    box = tuple(edge * SHARP for edge in REGION)
    canvas = background.crop(box)  # type: ignore[arg-type]
    pen = _Pen(canvas, REGION[0], REGION[1])
    _hair_back(pen, pose)
    if pose.arm > 0.02:
        _arm(pen, pose)
    _body(pen, pose)
    _head(pen, pose)
    return canvas.reduce(SHARP)


class _Pen:
    """Draws in design pixels on a canvas that is SHARP times as large and starts at an offset."""

    def __init__(self, canvas: Image.Image, left: float = 0, top: float = 0) -> None:
        self.on = ImageDraw.Draw(canvas)
        self.left, self.top = left, top

    def _at(self, point: Point) -> Point:
        return (point[0] - self.left) * SHARP, (point[1] - self.top) * SHARP

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self.on.ellipse((*self._at((x - rx, y - ry)), *self._at((x + rx, y + ry))), fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 0) -> None:
        self.on.rounded_rectangle((*self._at((x0, y0)), *self._at((x1, y1))), radius * SHARP, fill=fill)

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill the smooth closed curve through the points."""
        self.on.polygon([self._at(point) for point in _smooth(points)], fill=fill)

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a smooth open line with round ends."""
        path = [self._at(point) for point in _open_curve(points)]
        self.on.line(path, fill=fill, width=max(1, round(width * SHARP)), joint="curve")
        reach = width * SHARP / 2
        for x, y in (path[0], path[-1]):
            self.on.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)


def _smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    count = len(points)
    return [
        _between([points[(i + k) % count] for k in (-1, 0, 1, 2)], step / steps)
        for i in range(count)
        for step in range(steps)
    ]


def _open_curve(points: Sequence[Point], steps: int = 8) -> list[Point]:
    padded = [points[0], *points, points[-1]]
    curve = [_between(padded[i : i + 4], step / steps) for i in range(len(points) - 1) for step in range(steps)]
    return [*curve, points[-1]]


def _between(four: Sequence[Point], t: float) -> Point:
    """Catmull-Rom: the point at t between the second and the third of four points."""
    return tuple(  # type: ignore[return-value]
        0.5 * ((2 * b) + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(*four, strict=True)
    )


def _disc(pen: _Pen) -> None:
    pen.oval(470, 372, 330, 330, (226, 224, 246))
    pen.oval(470, 372, 286, 286, (236, 233, 250))


def _window(pen: _Pen) -> None:
    pen.box(64, 92, 206, 330, (250, 250, 255), 14)
    pen.box(76, 104, 194, 318, (196, 222, 248), 8)
    pen.oval(116, 318, 38, 42, (176, 214, 206))
    pen.oval(160, 318, 32, 32, (156, 202, 190))
    pen.box(64, 318, 206, 362, (226, 222, 240))
    pen.box(131, 100, 139, 322, (250, 250, 255))
    pen.box(72, 204, 198, 212, (250, 250, 255))
    pen.box(56, 318, 214, 334, (244, 243, 252), 6)


def _shelf(pen: _Pen) -> None:
    for top, books in ((196, ((900, 26, 74, (240, 150, 122)), (930, 20, 62, (250, 206, 140)), (954, 30, 82, (120, 150, 220)),
                              (988, 18, 66, (148, 200, 190)))),
                       (356, ((1040, 22, 70, (176, 140, 210)), (1066, 28, 84, (242, 170, 150)), (1098, 18, 60, (126, 190, 200)),
                              (1120, 26, 76, (250, 214, 150))))):  # fmt: skip
        pen.box(868, top, 1196, top + 14, (188, 158, 150), 4)
        pen.box(880, top + 14, 890, top + 34, (168, 138, 132))
        pen.box(1174, top + 14, 1184, top + 34, (168, 138, 132))
        for x, width, height, fill in books:
            pen.box(x, top - height, x + width, top, fill, 4)
    pen.oval(1120, 160, 34, 34, (252, 236, 210))
    pen.box(1098, 166, 1142, 196, (240, 150, 122), 10)
    pen.box(894, 296, 980, 356, (250, 250, 255), 6)
    pen.box(902, 304, 972, 348, (206, 214, 246), 4)
    pen.oval(936, 334, 22, 16, (150, 160, 230))


def _plant(pen: _Pen) -> None:
    for angle, length, fill in ((-1.35, 150, (98, 168, 146)), (-0.75, 190, (120, 188, 162)), (-0.2, 220, (88, 156, 136)),
                                (0.35, 200, (120, 188, 162)), (0.9, 160, (98, 168, 146))):  # fmt: skip
        tip = (1150 + math.sin(angle) * length, 560 - math.cos(angle) * length)
        mid = (1150 + math.sin(angle) * length * 0.55, 560 - math.cos(angle) * length * 0.5)
        side = (math.cos(angle) * 34, math.sin(angle) * 34)
        pen.blob([(1150, 575), (mid[0] - side[0], mid[1] - side[1]), tip, (mid[0] + side[0], mid[1] + side[1])], fill)
    pen.blob([(1094, 556), (1206, 556), (1190, 690), (1110, 690)], (240, 168, 138))
    pen.box(1084, 548, 1216, 576, (248, 186, 156), 8)


CENTRE: Final = 470.0


def _hair_back(pen: _Pen, pose: Pose) -> None:
    x, y = CENTRE + pose.sway * 1.15, 262 + pose.nod
    pen.blob(
        [(x - 108, y - 30), (x - 78, y - 120), (x, y - 150), (x + 78, y - 120), (x + 108, y - 30), (x + 118, y + 70),
         (x + 104, y + 142), (x + 40, y + 150), (x - 40, y + 150), (x - 104, y + 142), (x - 118, y + 70)],
        HAIR,
    )  # fmt: skip


def _body(pen: _Pen, pose: Pose) -> None:
    x, lean = CENTRE + pose.sway * 0.45, pose.sway
    breath = pose.nod * 0.35
    pen.blob(
        [(x - 214, 740), (x - 206, 600 + breath), (x - 176, 510 + breath), (x - 100, 462 + breath), (x - 46, 446), (x, 452),
         (x + 46, 446), (x + 100, 462 + breath), (x + 176, 510 + breath), (x + 206, 600 + breath), (x + 214, 740), (x, 800)],
        SWEATER,
    )  # fmt: skip
    for side in (-1, 1):
        pen.stroke([(x + side * 132, 560 + breath), (x + side * 140, 640), (x + side * 136, 730)], 5, SWEATER_SHADE)
    neck = x + lean * 0.5
    pen.blob([(neck - 62, 452), (neck - 40, 436), (neck, 432), (neck + 40, 436), (neck + 62, 452), (neck, 528)], SHIRT)
    pen.blob([(neck - 41, 380), (neck + 41, 380), (neck + 42, 446), (neck, 492), (neck - 42, 446)], SKIN)
    pen.blob([(neck - 40, 384), (neck + 40, 384), (neck + 40, 406), (neck, 432), (neck - 40, 406)], SKIN_SHADE)
    for side in (-1, 1):
        pen.blob(
            [(neck + side * 42, 428), (neck + side * 74, 450), (neck + side * 52, 512), (neck + side * 6, 500)], SHIRT
        )
        pen.stroke([(neck + side * 70, 452), (neck + side * 52, 510), (neck + side * 8, 502)], 2.2, (214, 216, 238))


def _arm(pen: _Pen, pose: Pose) -> None:
    x = CENTRE + pose.sway * 0.45
    lift = pose.arm
    elbow = (x + 212 + 30 * lift, 640 - 30 * lift)
    wrist = (elbow[0] + 20 + 28 * lift + pose.wave * 26, 740 - 345 * lift)
    pen.stroke([(x + 160, 540), elbow, wrist], 66, SWEATER_SHADE)
    pen.stroke([(x + 160, 538), (elbow[0] - 3, elbow[1] - 3), (wrist[0] - 2, wrist[1])], 58, SWEATER)
    lean = pose.wave * 0.55 + 0.12
    up, across = (math.sin(lean), -math.cos(lean)), (math.cos(lean), math.sin(lean))

    def hand(along: float, beside: float) -> Point:
        return (wrist[0] + up[0] * along + across[0] * beside, wrist[1] + up[1] * along + across[1] * beside)

    pen.stroke([hand(12, 0), hand(30, 0)], 36, SKIN)
    for beside, length in ((-20, 94), (-7, 104), (7, 100), (20, 86)):
        pen.stroke([hand(42, beside * 0.85), hand(length, beside * 1.35)], 15, SKIN)
    pen.stroke([hand(36, -14), hand(58, -42)], 16, SKIN)
    pen.blob([hand(14, -24), hand(40, -30), hand(66, -26), hand(70, 0), hand(64, 27), hand(36, 28), hand(12, 22)], SKIN)
    pen.stroke([hand(34, -8), hand(44, 6), hand(46, 16)], 2.4, SKIN_SHADE)
    cuff = [hand(-6, -32), hand(8, -33), hand(8, 33), hand(-6, 32)]
    pen.stroke([cuff[1], cuff[2]], 15, SWEATER_LIGHT)


def _head(pen: _Pen, pose: Pose) -> None:
    x, y, tilt = CENTRE + pose.sway * 1.25, 262 + pose.nod, pose.tilt

    def at(dx: float, dy: float) -> Point:
        return (x + dx - dy * tilt, y + dy + dx * tilt)

    for side in (-1, 1):
        pen.oval(*at(side * 90, 34), 17, 24, SKIN_SHADE)
        pen.oval(*at(side * 92, 66), 5, 5, (250, 222, 150))
    pen.blob(
        [at(-92, -40), at(-70, -104), at(0, -126), at(70, -104), at(92, -40), at(90, 40), at(66, 104), at(26, 136), at(0, 140),
         at(-26, 136), at(-66, 104), at(-90, 40)],
        SKIN,
    )  # fmt: skip
    for side in (-1, 1):
        pen.oval(*at(side * 56, 66), 19, 12, BLUSH)
    _eyes(pen, pose, at)
    pen.stroke([at(2, 26), at(8, 50), at(-4, 56)], 4, SKIN_SHADE)
    _mouth(pen, pose, at)
    pen.blob(
        [at(-106, 10), at(-100, -70), at(-62, -132), at(6, -146), at(72, -124), at(102, -64), at(106, 12), at(90, -30),
         at(62, -72), at(16, -92), at(-22, -66), at(-66, -46), at(-90, -12)],
        HAIR,
    )  # fmt: skip
    pen.stroke([at(-6, -122), at(-48, -104), at(-76, -66)], 6, HAIR_LIGHT)
    pen.stroke([at(30, -120), at(62, -98), at(80, -64)], 5, HAIR_LIGHT)


def _eyes(pen: _Pen, pose: Pose, at: object) -> None:
    place = at
    assert callable(place)
    for side in (-1, 1):
        open_px = 14.0 * (1 - pose.blink)
        centre = place(side * 38, 8)
        if open_px < 3:
            pen.stroke([place(side * 38 - 13, 8), place(side * 38, 13), place(side * 38 + 13, 8)], 4.4, INK)
        else:
            pen.oval(*centre, 10.5, open_px, INK)
            pen.oval(centre[0] + 3.6, centre[1] - open_px * 0.38, 3.4, min(3.6, open_px * 0.4), (255, 255, 255))
        lift = pose.brow
        pen.stroke(
            [place(side * 20, -30 - lift), place(side * 38, -36 - lift), place(side * 57, -25 - lift)], 5.6, HAIR_LIGHT
        )


def _mouth(pen: _Pen, pose: Pose, at: object) -> None:
    place = at
    assert callable(place)
    drop = 4 + 20 * pose.mouth
    wide = 33 - 7 * pose.mouth
    if pose.mouth < 0.12:
        pen.stroke(
            [place(-wide, 86), place(-wide * 0.5, 97), place(0, 101), place(wide * 0.5, 97), place(wide, 86)], 5.4, LIPS
        )
        return
    pen.blob(
        [place(-wide, 86), place(-wide * 0.4, 88), place(wide * 0.4, 88), place(wide, 86), place(wide * 0.62, 92 + drop * 0.75),
         place(0, 94 + drop), place(-wide * 0.62, 92 + drop * 0.75)],
        MOUTH,
    )  # fmt: skip
    pen.blob(
        [place(-wide * 0.72, 88), place(wide * 0.72, 88), place(wide * 0.55, 93 + drop * 0.1), place(0, 95 + drop * 0.12), place(-wide * 0.55, 93 + drop * 0.1)],
        (255, 255, 255),
    )  # fmt: skip
