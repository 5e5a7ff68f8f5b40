"""A template sent to another machine says there what it says here."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from bhuman_cli.studio.render import template
from bhuman_cli.studio.render.pool import remote
from bhuman_cli.studio.render.text import fonts
from tests.integration.render import footage

TEXT = """
name = 'A "quoted" \\ name, \u007fé 🎉'
video = "../films/mine.mov"
[[variables]]
name = "first name"
start = 0.1
end = -1
text = "Hi\\n{first name}\\u0007!"
style = "title"
label = "L"
x = 0.25
y = 0.5
size = 1.5
color = "FFFFFF"
font = "../own.ttf"
[[variables]]
name = "company"
start = 0
end = 1
font = "regular"
[[backgrounds]]
name = "b"
start = 0
kind = "link"
config = { mode = "chroma", color = "00FF00", similarity = 0.00002, blend = 0, audio = true }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for folder in ("films", "templates"):
        (tmp_path / folder).mkdir()
    footage.make(tmp_path / "films" / "clip.mp4", footage.Clip(seconds=2))
    (tmp_path / "films" / "clip.mp4").rename(tmp_path / "films" / "mine.mov")
    shutil.copy(fonts.HERE / "NotoSans-Bold.ttf", tmp_path / "own.ttf")
    path = tmp_path / "templates" / "t.toml"
    path.write_text(TEXT.replace("\x7f", ""), "utf-8")
    return path


def test_it_arrives_as_it_left(path: Path, tmp_path: Path) -> None:
    there = tmp_path / "elsewhere" / "one"
    remote.unpack(remote.pack(path), there)
    sent, came = template.load(path), template.load(there / remote.NAME)
    fonts_apart = [dataclasses.replace(section, font="") for section in came.sections]
    assert fonts_apart == [dataclasses.replace(section, font="") for section in sent.sections]
    assert (came.name, came.backdrops, came.duration) == (sent.name, sent.backdrops, sent.duration)
    assert sent.video is not None
    assert came.video is not None
    assert came.video.read_bytes() == sent.video.read_bytes()
    assert {Path(section.font).parent for section in came.sections} == {there.resolve(), Path()}
    remote.unpack(remote.pack(path), there)
    assert [entry.name for entry in there.parent.iterdir()] == ["one"]


def test_another_content_has_another_name(path: Path) -> None:
    before = remote.pack(path).digest
    path.write_text(path.read_text("utf-8").replace("1.5", "1.6"), "utf-8")
    assert remote.pack(path).digest != before


def test_what_is_too_large_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_BYTES", 1_000)
    with pytest.raises(template.TemplateError, match="share its folder with the cluster"):
        remote.pack(path)
