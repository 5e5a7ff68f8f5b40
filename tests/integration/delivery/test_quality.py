"""Planted defects in a batch: each is found with its reason, no sound video is named, at hardly more than a decode."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bhuman_cli.cli import app
from bhuman_cli.delivery import manifest
from bhuman_cli.studio.render.footage import quality
from tests.cli.delivery.conftest import Rendered, environment, rendered

__all__ = ["environment", "rendered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A small video. silent, black, frozen: (from, to) in seconds. sound_s: None for no track."""

    seconds: float = 8.0
    sound_s: float | None = 8.0
    size: tuple[int, int] = (320, 180)
    silent: tuple[float, float] = (0, 0)
    black: tuple[float, float] = (0, 0)
    frozen: tuple[float, float] = (0, 0)
    shade: int = 0
    crf: int = 30
    noisy: bool = False


def make(path: Path, film: Film) -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": str(film.crf)})
        stream.width, stream.height, stream.pix_fmt = *film.size, "yuv420p"
        track: Any = out.add_stream("aac", rate=48_000, layout="stereo") if film.sound_s else None
        for number in range(round(film.seconds * 25)):
            frame = av.VideoFrame.from_ndarray(picture(film, number / 25), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if track is not None:
            for frame in tone(film):
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
    return path


def picture(film: Film, at: float) -> np.ndarray[Any, np.dtype[np.uint8]]:
    width, height = film.size
    if film.black[0] <= at < film.black[1]:
        return np.zeros((height, width, 3), np.uint8)
    moment = film.frozen[0] if film.frozen[0] <= at < film.frozen[1] else at
    y, x = np.mgrid[0:height, 0:width]
    whole = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 90 + film.shade)], -1).astype(np.uint8)
    left = 20 + int(moment * 30) % 240  # a small thing that moves, like a head in a corner
    whole[100:140, left : left + 40] = (250, 240, 230)
    if film.noisy:
        whole ^= np.random.default_rng(round(at * 25)).integers(0, 64, whole.shape, np.uint8)
    return whole


def tone(film: Film) -> Iterator[Any]:
    at = np.arange(round((film.sound_s or 0) * 48_000)) / 48_000
    wave = 0.2 * np.sin(2 * np.pi * 330 * at) * ~((film.silent[0] <= at) & (at < film.silent[1]))
    for start in range(0, len(wave), 1024):
        block = np.ascontiguousarray(np.stack([wave[start : start + 1024].astype(np.float32)] * 2))
        frame: Any = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        yield frame


GOOD = Film()
DEFECTS: dict[str, tuple[Film, str]] = {
    "mute": (replace(GOOD, sound_s=None), "no sound"),
    "silence": (replace(GOOD, silent=(1, 6.5)), "silent for"),
    "half-silent": (replace(GOOD, silent=(0, 4.2)), "silent for"),
    "black": (replace(GOOD, black=(3, 5.4)), "black for"),
    "frozen": (replace(GOOD, frozen=(2, 7.2)), "picture stands"),
    "frozen-third": (replace(GOOD, frozen=(4, 7)), "picture stands"),
    "apart": (replace(GOOD, sound_s=7.2), "sound and picture differ"),
    "short": (replace(GOOD, seconds=4, sound_s=4), "the others"),
    "portrait": (replace(GOOD, size=(180, 320)), "pixels"),
    "heavy": (replace(GOOD, noisy=True, crf=18), "MB"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the batch: ten defects, a damaged and a cut file, and as many sound ones again."""
    folder = tmp_path_factory.mktemp("films")
    made = {name: make(folder / f"{name}.mp4", film) for name, (film, _) in DEFECTS.items()}
    for number in range(8):
        film = replace(GOOD, seconds=8 + number * 0.2, sound_s=8 + number * 0.2, shade=number * 20, crf=28 + number)
        made[f"good-{number}"] = make(folder / f"good-{number}.mp4", film)
    made["pauses"] = make(folder / "pauses.mp4", replace(GOOD, silent=(2, 5), black=(6, 7.5), frozen=(0, 2)))
    whole = bytearray(made["good-0"].read_bytes())
    index = whole.index(b"mdat")
    middle = index + (len(whole) - index) // 3
    whole[middle : middle + 600] = bytes((place * 37) % 251 for place in range(600))
    made["damaged"] = folder / "damaged.mp4"
    made["damaged"].write_bytes(whole)
    made["no video"] = folder / "text.mp4"
    made["no video"].write_bytes(b"<html>" * 400)
    return made


def test_every_planted_defect_is_named_and_no_sound_video(films: dict[str, Path]) -> None:
    verdicts = dict(zip(films, quality.compare([quality.measure(path) for path in films.values()]), strict=True))
    expected = {name: words for name, (_, words) in DEFECTS.items()} | {
        "damaged": "can't be decoded", "no video": "can't be decoded",
    }  # fmt: skip
    for name, words in expected.items():
        assert any(words in fault for fault in verdicts[name]), (name, verdicts[name])
    assert {name: faults for name, faults in verdicts.items() if faults and name not in expected} == {}


def test_measuring_costs_at_most_twice_a_plain_decode(tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", replace(GOOD, size=(1280, 720), seconds=4, sound_s=4))

    def cost(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    def decode() -> None:
        with av.open(str(path)) as container:
            for stream in container.streams:
                stream.codec_context.thread_count = 1
            for packet in container.demux():
                packet.decode()

    rounds = [(cost(decode), cost(lambda: quality.measure(path))) for _ in range(5)]
    assert min(measured for _, measured in rounds) <= 2 * min(plain for plain, _ in rounds)


def test_the_command_keeps_its_verdicts_where_the_videos_are(
    rendered: Rendered, films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, results = tmp_path / "media", tmp_path / "files.csv"
    assert app.run(["download", str(rendered.table), "--to", str(folder)]) == 0
    entries = sorted(manifest.read(folder).values(), key=lambda entry: int(entry.row_index))
    sources = [films["mute"], *(films[f"good-{number}"] for number in range(len(entries) - 1))]
    for entry, source in zip(entries, sources, strict=True):
        (folder / entry.file).write_bytes(source.read_bytes())
    capsys.readouterr()
    assert app.run(["check", str(rendered.table), "--json"]) == 0  # in the folder of the last download
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "bhuman.check/1"
    assert [video["quality"] for video in document["videos"]] == ["no sound", *[None] * (len(entries) - 1)]
    assert [manifest.read(folder)[entry.key].quality for entry in entries] == ["no sound", *[""] * (len(entries) - 1)]
    assert app.run(["check", str(rendered.table), "--from", str(folder), "--strict"]) == 5
    assert "1 to look at" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert app.run(["check", str(rendered.table), "--from", "nowhere"]) == 2
    app.run(["download", str(rendered.table), "--to", str(folder), "--results", str(results)])
    assert results.read_text(encoding="utf-8-sig").splitlines()[0].count("quality") == 1
