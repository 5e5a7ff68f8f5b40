"""Quality of 500 videos with 12 planted defects: all found, no sound one named, and its cost beside a plain decode."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import av

from bhuman_cli.studio.render.footage import quality
from tests.benchmarks import report
from tests.support import films

FILES = 500
SOUND = 16
LIMIT = 2.0


def plant(folder: Path) -> dict[Path, bool]:
    """Return the files, and whether each is sound; the defects stand among the others."""
    folder.mkdir(exist_ok=True)
    base = replace(films.GOOD, size=(640, 360))
    good = [
        films.make(folder / f"good-{number}.mp4", replace(base, shade=number * 8, crf=26 + number % 6))
        for number in range(SOUND)
    ]
    names = [name for name in films.DEFECTS if name != "portrait"][:9]
    bad = [films.make(folder / f"{name}.mp4", replace(films.DEFECTS[name][0], size=base.size)) for name in names]
    bad += [path for name, path in films.spoilt(good[0], folder).items() if name in {"damaged", "half", "a page"}]
    copies = [folder / f"copy-{number}.mp4" for number in range(FILES - SOUND - len(bad))]
    for number, path in enumerate(copies):
        shutil.copyfile(good[number % SOUND], path)
    planted = dict.fromkeys([*good, *copies], True) | dict.fromkeys(bad, False)
    return {path: planted[path] for path in random.Random(FILES).sample(list(planted), len(planted))}


def decode(path: Path) -> None:
    """Decode all of a file in one thread, and look at nothing."""
    try:
        with av.open(str(path)) as container:
            for stream in container.streams:
                stream.codec_context.thread_count = 1
            for packet in container.demux():
                packet.decode()
    except av.error.FFmpegError:
        return


def main() -> int:
    """Plant, judge, and measure by turns, file by file; return 1 if a limit is passed."""
    with tempfile.TemporaryDirectory() as name:
        planted = plant(Path(name))
        plain_s = measured_s = 0.0
        measures = []
        for path in planted:
            began = time.process_time()
            decode(path)
            between = time.process_time()
            measures.append(quality.measure(path))
            plain_s, measured_s = plain_s + between - began, measured_s + time.process_time() - between
        verdicts = dict(zip(planted, quality.compare(measures), strict=True))
    missed = [path.stem for path, is_sound in planted.items() if not is_sound and not verdicts[path]]
    accused = [f"{path.stem}: {verdicts[path]}" for path, is_sound in planted.items() if is_sound and verdicts[path]]
    for name in (*missed, *accused):
        report.note(name)
    rows = [
        ["defects that were missed", report.Figure(name="missed", value=len(missed), limit=0)],
        ["sound ones that were named", report.Figure(name="named", value=len(accused), limit=0)],
        ["times a plain decode", report.Figure(name="cost", value=measured_s / plain_s, limit=LIMIT)],
    ]
    report.show("quality_batch", f"Quality of {len(planted)} videos", ["what", "figure"], rows)
    return int(bool(report.missed(rows)))


if __name__ == "__main__":
    raise SystemExit(main())
