"""Planted defects in a batch: each is found with its reason, no sound video is named, at hardly more than a decode."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from bhuman_cli.cli import app
from bhuman_cli.delivery import manifest
from bhuman_cli.studio.render.footage import quality
from tests.cli.delivery.conftest import Rendered, environment, rendered
from tests.support import films
from tests.support.films import DEFECTS, GOOD, make

__all__ = ["environment", "rendered"]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the batch: every defect, files that were spoilt on their way, and sound ones."""
    folder = tmp_path_factory.mktemp("films")
    made = {name: make(folder / f"{name}.mp4", film) for name, (film, _) in DEFECTS.items()}
    for number in range(8):
        film = replace(GOOD, seconds=8 + number * 0.2, sound_s=8 + number * 0.2, shade=number * 20, crf=28 + number)
        made[f"good-{number}"] = make(folder / f"good-{number}.mp4", film)
    made["pauses"] = make(folder / "pauses.mp4", replace(GOOD, silent=(2, 5), black=(6, 7.5), frozen=(0, 2)))
    return made | films.spoilt(made["good-0"], folder)


def test_every_planted_defect_is_named_and_no_sound_video(batch: dict[str, Path]) -> None:
    verdicts = dict(zip(batch, quality.compare([quality.measure(path) for path in batch.values()]), strict=True))
    expected = {name: words for name, (_, words) in DEFECTS.items()} | films.SPOILT
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
    rendered: Rendered, batch: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, results = tmp_path / "media", tmp_path / "files.csv"
    assert app.run(["download", str(rendered.table), "--to", str(folder)]) == 0
    entries = sorted(manifest.read(folder).values(), key=lambda entry: int(entry.row_index))
    sources = [batch["mute"], *(batch[f"good-{number}"] for number in range(len(entries) - 1))]
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
