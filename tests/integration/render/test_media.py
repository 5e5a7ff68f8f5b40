"""Odd and damaged media as assets and as templates: shown right, or a clear failure of the row; no crash, no hang."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bhuman_cli.studio import template
from bhuman_cli.studio.render import job, source
from tests.integration.render import footage, oddities
from tests.integration.render.conftest import Studio, Web


@pytest.fixture(scope="module")
def small_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    footage.make(folder / "small.mp4", footage.Clip(seconds=1, size=(320, 180), sound=False))
    path = folder / "small.toml"
    path.write_text("video = 'small.mp4'\n", "utf-8")
    return path


def outcome(render: Callable[[], job.RenderedMedia]) -> tuple[job.RenderedMedia | None, str]:
    try:
        return render(), ""
    except job.RenderFailure as failure:
        return None, failure.message


@pytest.mark.parametrize("name", list(oddities.CASES))
def test_as_an_asset(name: str, small_template: Path, web: Web, cache_dir: Path, tmp_path: Path) -> None:
    write, expected = oddities.CASES[name]
    write(web.folder / name)
    studio = Studio(small_template, cache_dir, tmp_path)
    shown = {"start": 0.2, "end": 0.8, "kind": "link", "config": {"mode": "circle", "audio": True}}
    media, failure = outcome(lambda: studio.row({}, assets=(f"{web.url}/{name}",), backgrounds=(shown,)))
    if media is None:
        assert expected != oddities.FINE, failure
        assert failure.startswith("background 1: the asset ")
        assert expected == oddities.ANY or expected in failure, failure
        assert "Traceback" not in failure
        assert "\n" not in failure
        return
    assert expected in {oddities.FINE, oddities.ANY}, "a file that can't be shown must fail its row"
    film = footage.decode(media.video)
    assert len(film.pictures) == 30
    if expected == oddities.FINE:
        assert not footage.near(film.pictures[12][:20, :40], footage.GREY, 3), "the asset is seen"


VIDEOS = [name for name in oddities.CASES if name.rsplit(".", 1)[1] in {"mp4", "mkv", "webm", "avi", "mov", "m4a"}]


@pytest.mark.parametrize("name", VIDEOS)
def test_as_the_templates_own_video(name: str, cache_dir: Path, tmp_path: Path) -> None:
    write, expected = oddities.CASES[name]
    write(tmp_path / name)
    path = tmp_path / "own.toml"
    path.write_text(f"video = '{name}'\n[[variables]]\nname='n'\nstart=0\nend=-1\nstyle='caption'\n", "utf-8")
    media, failure = outcome(lambda: Studio(path, cache_dir, tmp_path).row({"n": "MMM"}))
    if media is None:
        assert expected != oddities.FINE, failure
        assert name in failure or "template's video" in failure
        return
    assert expected in {oddities.FINE, oddities.ANY}
    film = footage.decode(media.video)
    assert film.pictures
    assert film.pictures[0].shape[0] % 2 == film.pictures[0].shape[1] % 2 == 0
    assert max(film.pictures[0].shape) <= source.LONGEST_SIDE
    if expected == oddities.FINE:
        probed = source.probe(tmp_path / name)
        assert len(film.pictures) == pytest.approx(probed.duration_s * probed.fps, abs=3)


def test_a_rotated_film_stands_upright(tmp_path: Path) -> None:
    oddities.CASES["rotated.mp4"][0](tmp_path / "rotated.mp4")
    probed = source.probe(tmp_path / "rotated.mp4")
    assert (probed.width, probed.height) == (180, 320)
    flat = oddities.MOVING
    first = next(iter(source.pictures(tmp_path / "rotated.mp4", probed.form)))
    found = first.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709").to_ndarray().astype(float)
    wanted = np.rot90(footage.picture(flat, 0, 18), -1).astype(float)
    assert np.abs(found - wanted).mean() < 12, "the header says: turn clockwise by a quarter"


def test_variable_rates_keep_their_timing(tmp_path: Path) -> None:
    oddities.CASES["variable_rate.mp4"][0](tmp_path / "v.mp4")
    probed = source.probe(tmp_path / "v.mp4")
    pictures = list(source.pictures(tmp_path / "v.mp4", probed.form))
    assert len(pictures) / float(probed.fps) == pytest.approx(46 / 30, abs=0.15)


def test_a_template_with_a_video_that_is_none_says_so_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_bytes(oddities.PAGE)
    path = tmp_path / "t.toml"
    path.write_text("video = 'page.mp4'", "utf-8")
    with pytest.raises(template.TemplateError, match=r"video 'page.mp4' is a web page, not a video"):
        template.load(path)


def test_a_height_that_is_no_multiple_of_four_keeps_its_colours(tmp_path: Path, cache_dir: Path) -> None:
    """As 1080 x 1350, where the first chroma plane begins in the middle of what PyAV takes for a row."""
    colour = (200, 60, 30)
    footage.make(tmp_path / "own.mp4", footage.Clip(seconds=1, size=(240, 182), colour=colour, sound=False))
    path = tmp_path / "own.toml"
    path.write_text("video='own.mp4'\n[[variables]]\nname='n'\nstart=0.3\nend=0.7\nstyle='badge'\n", "utf-8")
    media = Studio(path, cache_dir, tmp_path).row({"n": "M"})
    film = footage.decode(media.video)
    assert film.pictures[15].shape == (182, 240, 3)
    with Image.open(media.thumbnail) as thumbnail, Image.open(media.gif) as found:
        found.seek(6)
        for picture in (film.pictures[15], np.asarray(thumbnail), np.asarray(found.convert("RGB"))):
            assert all(footage.near(row[:40], colour) for row in picture[::2])
