"""Figure of the built-in presenter, drawn flat. Pictures only; no video, no sound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from bhuman_cli.studio.render.pen import SHARP, Colour, Pen, Point

REGION: Final = (232, 84, 708, 720)
REGION_WAVING: Final = (232, 84, 840, 720)
"""The parts of the picture in which anything moves; even, because colour is stored at half size."""


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


def draw(background: Image.Image, pose: Pose) -> tuple[Image.Image, int, int]:
    """Return the moving part of one frame at drawing size, and where its top left corner is in the finished picture."""
    region = REGION_WAVING if pose.arm > 0.02 else REGION
    left, top, right, bottom = (edge * SHARP for edge in region)
    canvas = background.crop((left, top, right, bottom))
    pen = Pen(canvas, region[0], region[1])
    _hair_back(pen, pose)
    if pose.arm > 0.02:
        _arm(pen, pose)
    _body(pen, pose)
    _head(pen, pose)
    return canvas, region[0], region[1]


CENTRE: Final = 470.0


def _hair_back(pen: Pen, pose: Pose) -> None:
    x, y = CENTRE + pose.sway * 1.15, 262 + pose.nod
    pen.blob(
        [(x - 108, y - 30), (x - 78, y - 120), (x, y - 150), (x + 78, y - 120), (x + 108, y - 30), (x + 118, y + 70),
         (x + 104, y + 142), (x + 40, y + 150), (x - 40, y + 150), (x - 104, y + 142), (x - 118, y + 70)],
        HAIR,
    )  # fmt: skip


def _body(pen: Pen, pose: Pose) -> None:
    x, lean = CENTRE + pose.sway * 0.45, pose.sway
    breath = pose.nod * 0.35
    pen.blob(
        [(x - 214, 740), (x - 206, 600 + breath), (x - 176, 510 + breath), (x - 100, 462 + breath),
         (x - 46, 446), (x, 452),
         (x + 46, 446), (x + 100, 462 + breath), (x + 176, 510 + breath), (x + 206, 600 + breath),
         (x + 214, 740), (x, 800)],
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


def _arm(pen: Pen, pose: Pose) -> None:
    x = CENTRE + pose.sway * 0.45
    lift = pose.arm
    elbow = (x + 212 + 30 * lift, 640 - 30 * lift)
    wrist = (elbow[0] + 20 + 28 * lift + pose.wave * 26, 740 - 345 * lift)
    for shift, width, fill in ((0, 66, SWEATER_SHADE), (-3, 58, SWEATER)):
        bend = (elbow[0] + shift, elbow[1] + shift)
        pen.stroke([(x + 160, 540 + shift), bend], width, fill)
        pen.stroke([bend, (wrist[0] + shift, wrist[1])], width, fill)
    lean = pose.wave * 0.55 + 0.12
    up, across = (math.sin(lean), -math.cos(lean)), (math.cos(lean), math.sin(lean))

    def hand(along: float, beside: float) -> Point:
        return (wrist[0] + up[0] * along + across[0] * beside, wrist[1] + up[1] * along + across[1] * beside)

    pen.stroke([hand(20, 0), hand(32, 0)], 36, SKIN)
    for beside, length in ((-20, 94), (-7, 104), (7, 100), (20, 86)):
        pen.stroke([hand(42, beside * 0.85), hand(length, beside * 1.35)], 15, SKIN)
    pen.stroke([hand(36, -14), hand(58, -42)], 16, SKIN)
    pen.blob([hand(14, -24), hand(40, -30), hand(66, -26), hand(70, 0), hand(64, 27), hand(36, 28), hand(12, 22)], SKIN)
    pen.stroke([hand(34, -8), hand(44, 6), hand(46, 16)], 2.4, SKIN_SHADE)
    cuff = [hand(-6, -32), hand(8, -33), hand(8, 33), hand(-6, 32)]
    pen.stroke([cuff[1], cuff[2]], 15, SWEATER_LIGHT)


def _head(pen: Pen, pose: Pose) -> None:
    x, y, tilt = CENTRE + pose.sway * 1.25, 262 + pose.nod, pose.tilt

    def at(dx: float, dy: float) -> Point:
        return (x + dx - dy * tilt, y + dy + dx * tilt)

    for side in (-1, 1):
        pen.oval(*at(side * 90, 34), 17, 24, SKIN_SHADE)
        pen.oval(*at(side * 92, 66), 5, 5, (250, 222, 150))
    pen.blob(
        [at(-92, -40), at(-70, -104), at(0, -126), at(70, -104), at(92, -40), at(90, 40), at(66, 104),
         at(26, 136), at(0, 140),
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


def _eyes(pen: Pen, pose: Pose, place: Callable[[float, float], Point]) -> None:
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


def _mouth(pen: Pen, pose: Pose, place: Callable[[float, float], Point]) -> None:
    drop = 4 + 20 * pose.mouth
    wide = 33 - 7 * pose.mouth
    if pose.mouth < 0.12:
        pen.stroke(
            [place(-wide, 86), place(-wide * 0.5, 97), place(0, 101), place(wide * 0.5, 97), place(wide, 86)], 5.4, LIPS
        )
        return
    pen.blob(
        [place(-wide, 86), place(-wide * 0.4, 88), place(wide * 0.4, 88), place(wide, 86),
         place(wide * 0.62, 92 + drop * 0.75),
         place(0, 94 + drop), place(-wide * 0.62, 92 + drop * 0.75)],
        MOUTH,
    )  # fmt: skip
    pen.blob(
        [place(-wide * 0.72, 88), place(wide * 0.72, 88), place(wide * 0.55, 93 + drop * 0.1),
         place(0, 95 + drop * 0.12), place(-wide * 0.55, 93 + drop * 0.1)],
        (255, 255, 255),
    )  # fmt: skip
