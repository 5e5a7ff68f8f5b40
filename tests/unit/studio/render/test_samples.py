"""The sample template and backgrounds that people start from: they load, and they need no base of their own."""

from __future__ import annotations

import json
from pathlib import Path

from bhuman_cli.studio.render import presenter, template

SAMPLES = Path(__file__).parents[4] / "sample_data"


def test_the_sample_template_loads_and_uses_the_presenters_key_frames() -> None:
    used = template.load(SAMPLES / "template.toml")
    assert used.variables == ("first_name", "company", "product")
    times = {edge for section in used.sections for edge in (section.start, section.end)}
    assert {round(time * presenter.FPS) for time in times} <= {*presenter.MARKS, presenter.FRAMES}


def test_the_sample_backgrounds_load() -> None:
    shown = template.backgrounds(json.loads((SAMPLES / "backgrounds.json").read_text("utf-8")))
    assert [(one.kind, one.mode) for one in shown] == [("site", "circle"), ("linkedin", "chroma")]
