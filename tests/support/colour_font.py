"""A font with one emoji of two coloured layers: a red square with a blue one inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def build(path: Path, version: int) -> Path:
    """Write the font with a COLR table of that version (in 1 the red is half see-through), and return its path."""
    builder: Any = pytest.importorskip("fontTools.fontBuilder")
    names = (".notdef", "emoji", "outer", "inner")
    font = builder.FontBuilder(1_000, isTTF=True)
    font.setupGlyphOrder(list(names))
    font.setupCharacterMap({0x1F600: "emoji"})
    font.setupGlyf({".notdef": _square(0, 0), "emoji": _square(0, 1_000), "outer": _square(0, 1_000),
                    "inner": _square(250, 750)})  # fmt: skip
    font.setupHorizontalMetrics({name: (1_000, 250 if name == "inner" else 0) for name in names})
    font.setupHorizontalHeader(ascent=1_000, descent=0)
    font.setupOS2()
    font.setupPost()
    font.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    layers = {"Format": 1, "Layers": [_layer("outer", 0, 0.5), _layer("inner", 1, 1.0)]}
    font.setupCOLR({"emoji": layers if version else [("outer", 0), ("inner", 1)]}, version=version)
    font.setupCPAL([[(1, 0, 0, 1), (0, 0, 1, 1)]])
    font.save(path)
    return path


def _layer(glyph: str, colour: int, alpha: float) -> dict[str, Any]:
    return {"Format": 10, "Glyph": glyph, "Paint": {"Format": 2, "PaletteIndex": colour, "Alpha": alpha}}


def _square(low: int, high: int) -> Any:
    pens: Any = pytest.importorskip("fontTools.pens.ttGlyphPen")
    pen = pens.TTGlyphPen(None)
    pen.moveTo((low, low))
    for corner in ((low, high), (high, high), (high, low)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()
