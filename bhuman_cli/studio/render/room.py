"""Room behind the built-in presenter, out of focus, or a plain green wall. Still pictures only."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from bhuman_cli.studio.render import pen as pens
from bhuman_cli.studio.render.pen import HEIGHT, SHARP, WIDTH, Pen

GREEN: Final = (0, 255, 0)


def room() -> Image.Image:
    """Return the still background at drawing size: a wall with light, a picture, a shelf and a plant."""
    width, height = WIDTH * SHARP, HEIGHT * SHARP
    y, x = np.mgrid[0:height:4, 0:width:4].astype(np.float32)
    glow = np.exp(-(((x - width * 0.36) / (width * 0.42)) ** 2 + ((y - height * 0.38) / (height * 0.6)) ** 2))
    top, bottom, light = np.array([206, 212, 238]), np.array([232, 222, 236]), np.array([252, 246, 246])
    mix = (y / height)[..., None]
    wall = top * (1 - mix) + bottom * mix
    wall = wall * (1 - 0.75 * glow[..., None]) + light * 0.75 * glow[..., None]
    image = Image.fromarray(pens.yuv_pixels(wall.astype(np.float32))).resize((width, height), Image.Resampling.BICUBIC)
    pen = Pen(image)
    _disc(pen)
    _window(pen)
    _shelf(pen)
    _plant(pen)
    # A shallow depth of field: the person is what one looks at.
    return image.filter(ImageFilter.GaussianBlur(2.2))


def green() -> Image.Image:
    """Return the plain background of the variant for chroma keying."""
    return Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), pens.yuv(GREEN))


def _disc(pen: Pen) -> None:
    pen.oval(470, 372, 330, 330, (226, 224, 246))
    pen.oval(470, 372, 286, 286, (236, 233, 250))


def _window(pen: Pen) -> None:
    pen.box(64, 92, 206, 330, (250, 250, 255), 14)
    pen.box(76, 104, 194, 318, (196, 222, 248), 8)
    pen.oval(116, 318, 38, 42, (176, 214, 206))
    pen.oval(160, 318, 32, 32, (156, 202, 190))
    pen.box(64, 318, 206, 362, (226, 222, 240))
    pen.box(131, 100, 139, 322, (250, 250, 255))
    pen.box(72, 204, 198, 212, (250, 250, 255))
    pen.box(56, 318, 214, 334, (244, 243, 252), 6)


def _shelf(pen: Pen) -> None:
    for top, books in ((196, ((900, 26, 74, (240, 150, 122)), (930, 20, 62, (250, 206, 140)),
     (954, 30, 82, (120, 150, 220)),
                              (988, 18, 66, (148, 200, 190)))),
                       (356, ((1040, 22, 70, (176, 140, 210)), (1066, 28, 84, (242, 170, 150)),
                       (1098, 18, 60, (126, 190, 200)),
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


def _plant(pen: Pen) -> None:
    for angle, length, fill in ((-1.35, 150, (98, 168, 146)), (-0.75, 190, (120, 188, 162)),
     (-0.2, 220, (88, 156, 136)),
                                (0.35, 200, (120, 188, 162)), (0.9, 160, (98, 168, 146))):  # fmt: skip
        tip = (1150 + math.sin(angle) * length, 560 - math.cos(angle) * length)
        mid = (1150 + math.sin(angle) * length * 0.55, 560 - math.cos(angle) * length * 0.5)
        side = (math.cos(angle) * 34, math.sin(angle) * 34)
        pen.blob([(1150, 575), (mid[0] - side[0], mid[1] - side[1]), tip, (mid[0] + side[0], mid[1] + side[1])], fill)
    pen.blob([(1094, 556), (1206, 556), (1190, 690), (1110, 690)], (240, 168, 138))
    pen.box(1084, 548, 1216, 576, (248, 186, 156), 8)
