"""Real media of each kind, and what happens to files on the way: whole ones pass, cut and garbled ones never do."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from bhuman_cli.delivery import media
from bhuman_cli.delivery.media import What
from bhuman_cli.workflows.results import download


def film(path: Path, codec: str, **options: str) -> None:
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(12):
            pixels = np.full((96, 160, 3), number * 20, np.uint8)
            pixels[number * 4 : number * 4 + 30, :80] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))


def picture(path: Path) -> None:
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)).save(path)


def placeholder(path: Path) -> None:
    """Write what an instantly rendering studio serves."""
    name = {".mp4": "video.mp4", ".gif": "preview.gif", ".jpg": "thumbnail.jpg"}[path.suffix]
    path.write_bytes((resources.files("bhuman_cli.studio") / "placeholder" / name).read_bytes())


KINDS: dict[str, tuple[What, Callable[[Path], None]]] = {
    "ours.mp4": (What.VIDEO, placeholder),
    "index-first.mp4": (What.VIDEO, lambda path: film(path, "libx264", movflags="faststart")),
    "index-last.mp4": (What.VIDEO, lambda path: film(path, "libx264")),
    "pieces.mp4": (What.VIDEO, lambda path: film(path, "libx264", movflags="frag_keyframe+empty_moov")),
    "old.mp4": (What.VIDEO, lambda path: film(path, "mpeg4")),
    "vp9.webm": (What.VIDEO, lambda path: film(path, "libvpx-vp9")),
    "ours.gif": (What.GIF, placeholder),
    "ours.jpg": (What.THUMBNAIL, placeholder),
    "noise.png": (What.THUMBNAIL, picture),
    "noise.webp": (What.THUMBNAIL, picture),
}


@pytest.fixture(params=KINDS)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, What]:
    what, make = KINDS[request.param]
    make(tmp_path / request.param)
    return tmp_path / request.param, what


def judged(path: Path, what: What) -> str:
    return media.problem(path, what) or download.decoder()(path, what)


def test_a_whole_file_passes_under_the_name_it_has_on_the_way(whole: tuple[Path, What]) -> None:
    path, what = whole
    assert judged(path.replace(path.with_name("0000-Ann.mp4.part")), what) == ""


def test_a_cut_file_does_not(whole: tuple[Path, What]) -> None:
    path, what = whole
    content = path.read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.95, 0.999):
        path.write_bytes(content[: int(len(content) * share)])
        assert judged(path, what), f"{share:.1%} of the file passed"


def test_a_file_of_the_right_size_and_head_whose_rest_is_noise_does_not(whole: tuple[Path, What]) -> None:
    path, what = whole
    content = path.read_bytes()
    for noise in (bytes, random.Random(3).randbytes):
        path.write_bytes(content[:20] + noise(len(content) - 20))
        assert judged(path, what)


def test_pictures_that_are_noise_in_a_sound_container_are_found_by_the_decoder_alone(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, "libx264", movflags="faststart")
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start] + random.Random(5).randbytes(len(content) - start))
    assert media.problem(path, What.VIDEO) == ""
    assert "no picture that can be decoded" in judged(path, What.VIDEO)


def test_one_damaged_picture_at_the_start_does_not_condemn_a_video(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, "mpeg4", movflags="faststart")
    with av.open(str(path)) as container:
        first: Any = next(container.demux(video=0))
        at, size = first.pos, first.size
    content = path.read_bytes()
    path.write_bytes(content[:at] + bytes(size) + content[at + size :])
    assert judged(path, What.VIDEO) == ""


def test_sound_alone_and_pictures_too_large_are_named(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream: Any = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1_024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert judged(sound, What.VIDEO) == "the file holds no video"
    Image.new("1", (20_000, 20_000)).save(tmp_path / "large.png")
    assert judged(tmp_path / "large.png", What.THUMBNAIL) == "the file has more than 40 megapixels"
