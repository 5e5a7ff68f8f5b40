"""How much quicker a row is than with ffmpeg: `python -m tests.benchmarks.render_rows [ROUNDS]`.

Prints; asserts nothing. A 20 s 720p30 template of which 20 % varies; one thread on either side; runs interleaved,
medians. Wall and CPU seconds, because the machine may be busy with other things. ffmpeg: Debian's where present, else
that of imageio-ffmpeg.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bhuman_cli.studio.render import encode, engine, fonts, job, workers

SECONDS, FPS, SIZE = 20, 30, (1280, 720)
SECTIONS = ((1.0, 3.0, "Hi {first_name}!"), (10.0, 12.0, "How is {company}?"))
SHARE = sum(end - start for start, end, _ in SECTIONS) / SECONDS
TARGETS = {"whole row": 7.0, "MP4 alone": 6.0, "all pieces cached": 200.0, "GIF alone": 20.0}
POOL_ROWS = 12


def footage(path: Path) -> None:
    """Write 20 s that an encoder takes for a person before a shelf: still detail, movement, camera noise, a voice."""
    width, height = SIZE
    chance = np.random.default_rng(1)
    wall = np.kron(chance.integers(60, 200, (height // 20, width // 20, 3)), np.ones((20, 20, 1))).astype(np.int16)
    noise = chance.normal(0, 2.0, (8, height, width, 1)).astype(np.int16)
    y, x = np.mgrid[0:height, 0:width]
    time_s = np.arange(SECONDS * encode.AUDIO_RATE) / encode.AUDIO_RATE
    voice = (0.2 * np.abs(np.sin(time_s * 11)) * np.sin(2 * np.pi * 180 * time_s)).astype(np.float32)
    form = encode.Format(width=width, height=height, fps=Fraction(FPS))
    writer = encode.Writer(str(path), form, (), np.stack([voice, voice]), threads=0)
    for number in range(SECONDS * FPS):
        middle = (width / 2 + 40 * np.sin(number / FPS * 0.9), 300 + 12 * np.sin(number / FPS * 1.7))
        head = ((x - middle[0]) / 115) ** 2 + ((y - middle[1]) / 145) ** 2 < 1
        body = ((x - middle[0]) / 260) ** 2 + ((y - 785) / 315) ** 2 < 1
        picture = wall.copy()
        picture[body], picture[head] = (40, 60, 120), (222, 178, 150)
        pixels = np.clip(picture + noise[number % 8], 0, 255).astype(np.uint8)
        writer.write(av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p"))
    writer.close()


def template(folder: Path) -> Path:
    footage(folder / "source.mp4")
    path = folder / "template.toml"
    path.write_text(
        'video = "source.mp4"\n'
        + "".join(
            f'[[variables]]\nname = "{name}"\nstart = {start}\nend = {end}\ntext = "{text}"\nstyle = "lower-third"\n'
            for name, (start, end, text) in zip(("first_name", "company"), SECTIONS, strict=True)
        ),
        "utf-8",
    )
    return path


@dataclass(slots=True)
class Ffmpeg:
    """The three commands that people write for the same row."""

    program: str
    folder: Path

    def run(self, *arguments: str) -> None:
        subprocess.run([self.program, "-nostdin", "-y", "-v", "error", "-threads", "1", *arguments], check=True)

    def video(self, number: int) -> None:
        font = fonts.HERE / "NotoSans-Bold.ttf"
        texts = (f"Hi Name{number}!", f"How is Company {number}?")
        draw = ",".join(
            f"drawtext=fontfile={font}:text='{text}':x=120:y=560:fontsize=56:fontcolor=white:box=1:boxcolor=black@0.6:"
            f"boxborderw=20:enable='between(t,{start},{end - 0.01})'"
            for text, (start, end, _) in zip(texts, SECTIONS, strict=True)
        )
        self.run("-i", str(self.folder / "source.mp4"), "-filter_threads", "1", "-vf", draw, "-c:v", "libx264",
                 "-preset", "veryfast", "-crf", "21", "-threads", "1", "-c:a", "copy", "-movflags", "+faststart",
                 str(self.folder / "ff.mp4"))  # fmt: skip

    def thumbnail(self) -> None:
        self.run("-ss", "2", "-i", str(self.folder / "ff.mp4"), "-frames:v", "1", "-vf", "scale=640:-1",
                 str(self.folder / "ff.jpg"))  # fmt: skip

    def gif(self) -> None:
        graph = "fps=12,scale=320:-1:flags=area,split[a][b];[a]palettegen[p];[b][p]paletteuse"
        self.run("-t", "3", "-i", str(self.folder / "ff.mp4"), "-vf", graph, str(self.folder / "ff.gif"))

    def row(self, number: int) -> None:
        self.video(number)
        self.thumbnail()
        self.gif()


@dataclass(slots=True)
class Timer:
    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], Any]) -> None:
        before, began = _cpu(), time.perf_counter()
        work()
        self.wall.setdefault(name, []).append(time.perf_counter() - began)
        self.cpu.setdefault(name, []).append(_cpu() - before)

    def median(self, name: str) -> tuple[float, float]:
        return statistics.median(self.wall[name]), statistics.median(self.cpu[name])


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def ours(folder: Path, path: Path, number: int) -> None:
    values = {"first_name": f"Name{number}", "company": f"Company {number}"}
    work = job.RenderJob(generation_id="b", template=str(path), values=values, out_dir=str(folder / "out"))
    job.render(work, folder / "cache")


def single(folder: Path, path: Path, rounds: int) -> None:
    program = shutil.which("ffmpeg") or __import__("imageio_ffmpeg").get_ffmpeg_exe()
    ffmpeg, timer = Ffmpeg(program, folder), Timer()
    for number in range(2):  # the base is prepared, fonts and mapped pictures are there
        ours(folder, path, 10_000 + number)
    made = next(reversed(engine._engines.values()))
    for number in range(rounds):
        timer.time("ffmpeg: MP4", lambda n=number: ffmpeg.video(n))  # type: ignore[misc]
        timer.time("ffmpeg: JPEG", ffmpeg.thumbnail)
        timer.time("ffmpeg: GIF", ffmpeg.gif)
        timer.time("whole row", lambda n=number: ours(folder, path, n))  # type: ignore[misc]
        timer.time("all pieces cached", lambda n=number: ours(folder, path, n))  # type: ignore[misc]
        small = next(piece.small for piece in reversed(made._pieces.values()) if piece.small)
        timer.time("GIF alone", lambda s=small: made.gif.render(s))  # type: ignore[misc]
    for name in list(timer.wall):
        wall, cpu = timer.median(name)
        print(f"  {name:20s} {wall * 1000:9.1f} ms wall {cpu * 1000:9.1f} ms CPU")
    three = [
        sum(part) for part in zip(*(timer.median(f"ffmpeg: {what}") for what in ("MP4", "JPEG", "GIF")), strict=True)
    ]
    gif = timer.median("GIF alone")
    whole = timer.median("whole row")
    alone = (whole[0] - gif[0], whole[1] - gif[1])
    say("whole row", three, whole)
    say("MP4 alone", timer.median("ffmpeg: MP4"), alone)
    say("all pieces cached", three, timer.median("all pieces cached"))
    say("GIF alone", timer.median("ffmpeg: GIF"), gif)


def say(name: str, theirs: Any, mine: Any) -> None:
    ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
    print(f"{name:20s} {ratios[0]:7.1f}x wall {ratios[1]:7.1f}x CPU   (wanted: {TARGETS[name]:g}x)")


def pools(folder: Path, path: Path) -> None:
    rates = {}
    for count in (1, 2):
        pool = workers.RenderPool(count, folder / "cache")
        jobs = [
            job.RenderJob(
                generation_id=str(n), template=str(path), out_dir=str(folder / f"p{n}"),
                values={"first_name": f"P{count}-{n}", "company": f"C{count}-{n}"},
            )
            for n in range(POOL_ROWS + 2 * count)
        ]  # fmt: skip
        for future in [pool.submit(one) for one in jobs[: 2 * count]]:
            future.result()
        began = time.perf_counter()
        for future in [pool.submit(one) for one in jobs[2 * count :]]:
            future.result()
        rates[count] = POOL_ROWS / (time.perf_counter() - began)
        private = [private_mib(process.pid or 0) for process in pool._context.started]
        print(f"{count} worker(s): {rates[count] * 3600:6.0f} rows an hour; private memory {private} MiB (wanted: 200)")
        pool.close()
    print(f"two workers are {rates[2] / rates[1]:.2f}x one (wanted: 1.8x)")


def private_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) // 1024


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = template(folder)
        print(f"{SECONDS} s at {SIZE[0]}x{SIZE[1]}, {FPS}/s; {SHARE:.0%} varies: {rounds} rounds")
        print(f"at the same speed per frame, encoding only what varies can give {1 / SHARE:g}x at most")
        single(folder, path, rounds)
        pools(folder, path)


if __name__ == "__main__":
    main()
