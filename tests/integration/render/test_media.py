"""Odd and damaged media as assets and as templates: shown right, or a clear failure of the row; no crash, no hang."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from bhuman_cli.studio.render import job, template
from bhuman_cli.studio.render.footage import reader
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
    assert max(film.pictures[0].shape) <= reader.LONGEST_SIDE
    if expected == oddities.FINE:
        probed = reader.probe(tmp_path / name)
        assert len(film.pictures) == pytest.approx(probed.duration_s * probed.fps, abs=3)


def test_a_rotated_film_stands_upright(tmp_path: Path) -> None:
    oddities.CASES["rotated.mp4"][0](tmp_path / "rotated.mp4")
    probed = reader.probe(tmp_path / "rotated.mp4")
    assert (probed.width, probed.height) == (180, 320)
    flat = oddities.MOVING
    first = next(iter(reader.pictures(tmp_path / "rotated.mp4", probed.form)))
    found = first.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709").to_ndarray().astype(float)
    wanted = np.rot90(footage.picture(flat, 0, 18), -1).astype(float)
    assert np.abs(found - wanted).mean() < 12, "the header says: turn clockwise by a quarter"


def test_variable_rates_keep_their_timing(tmp_path: Path) -> None:
    oddities.CASES["variable_rate.mp4"][0](tmp_path / "v.mp4")
    probed = reader.probe(tmp_path / "v.mp4")
    pictures = list(reader.pictures(tmp_path / "v.mp4", probed.form))
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


def _footage(path: Path, times_ms: list[int], size: tuple[int, int] = (64, 48), sound_s: float = 0.0) -> Path:
    """Make footage whose pictures come at these times; those of the second half are light."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=1_000, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        track: Any = out.add_stream("aac", rate=48_000, layout="stereo") if sound_s else None
        for number, time in enumerate(times_ms):
            level = 30 if number < len(times_ms) // 2 else 230
            frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), level, np.uint8), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 1_000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for sounding in footage.tone(sound_s) if track else []:
            out.mux(track.encode(sounding))
        out.mux(track.encode(None) if track else [])
    return path


def _light_from(path: Path) -> tuple[reader.Probe, float, int]:
    probed = reader.probe(path)
    lights = [np.frombuffer(found.planes[0], np.uint8).mean() > 120 for found in reader.pictures(path, probed.form)]
    return probed, lights.index(True) / float(probed.fps), len(lights)


def test_a_screen_recording_keeps_its_times_and_the_fluency_of_its_fast_parts(tmp_path: Path) -> None:
    burst = [round(number * 1_000 / 60) for number in range(30)]
    path = _footage(tmp_path / "v.mp4", [0, *(2_000 + at for at in burst), *(6_000 + at for at in burst), 8_000])
    probed, light_s, count = _light_from(path)
    assert probed.fps == 30
    assert probed.held_s == 0
    assert light_s == pytest.approx(6.0, abs=1 / 60)
    assert count / 30 == pytest.approx(8.0, abs=0.1)


def test_a_last_picture_is_held_while_the_sound_goes_on(tmp_path: Path, cache_dir: Path) -> None:
    _footage(tmp_path / "own.mp4", [0, 33, 67, 100, 133, 500], sound_s=3.0)
    path = tmp_path / "own.toml"
    path.write_text("video='own.mp4'\n[[variables]]\nname='n'\nstart=2.2\nend=2.6\nstyle='badge'\n", "utf-8")
    film = footage.decode(Studio(path, cache_dir, tmp_path).row({"n": "M"}).video)
    assert film.sound is not None
    assert len(film.pictures) == 90
    assert film.sound.shape[1] == pytest.approx(3 * 48_000, abs=2_100)
    assert film.pictures[89].mean() > 200
    assert not np.array_equal(film.pictures[72], film.pictures[89]), "the badge is there"


def test_a_picture_stands_until_one_of_another_size_comes(tmp_path: Path) -> None:
    small = _footage(tmp_path / "b.ts", [2_000, 2_033, 2_067, 2_100, 3_000, 3_033], (32, 24)).read_bytes()
    path = _footage(tmp_path / "a.ts", [0, 33, 67, 100])
    path.write_bytes(path.read_bytes() + small)
    probed = reader.probe(path)
    found = [frame.pts for frame in reader.pictures(path, probed.form)]
    assert len(found) / float(probed.fps) == pytest.approx(3.07, abs=0.1)
