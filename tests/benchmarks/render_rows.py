"""How much quicker a row is than with ffmpeg: `python -m tests.benchmarks.render_rows [--rounds N]`.

A 20 s 720p30 template of which 20 % varies; one thread on either side; runs interleaved, medians. Wall and CPU seconds,
because the machine may be busy with other things. ffmpeg: Debian's where present, else that of imageio-ffmpeg. Two
workers stand beside one, and beside what two bare loops get on this machine in the same rounds.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bhuman_cli.studio.render import encode, engine, job
from bhuman_cli.studio.render.pool import workers
from bhuman_cli.studio.render.text import fonts
from tests.benchmarks import report

SECONDS, FPS, SIZE = 20, 30, (1280, 720)
SECTIONS = ((1.0, 3.0, "Hi {first_name}!"), (10.0, 12.0, "How is {company}?"))
SHARE = sum(end - start for start, end, _ in SECTIONS) / SECONDS
TARGETS = {"whole row": 7.0, "MP4 alone": 6.0, "all pieces cached": 200.0, "GIF alone": 20.0}
POOL_ROWS = 16
"""Rows a worker renders in a round: the last of them leaves the other one idle for half a row, on average."""
TWO_OF_TWO = 1.8
"""Two workers are to do so many times what one does where bare loops do twice as much, and in proportion elsewhere."""
COSTLIER = 1.2
"""A row made beside another may take so many times the processor time, whatever else the machine does."""
PRIVATE_MIB = 200
LOOP = "import time; b = time.perf_counter(); sum(n * n for n in range(25_000_000)); print(time.perf_counter() - b)"


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


def ffmpeg_program() -> str:
    """Return the peer: the system's, else that of imageio-ffmpeg; "" where there is none."""
    found = shutil.which("ffmpeg")
    if found is None and importlib.util.find_spec("imageio_ffmpeg") is not None:
        found = str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    return found or ""


def single(folder: Path, path: Path, rounds: int) -> list[list[object]]:
    """Make rows in turns with ffmpeg; return the lines of the table."""
    ffmpeg, timer = Ffmpeg(ffmpeg_program(), folder), Timer()
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
    video, picture, gif = (timer.median(f"ffmpeg: {what}") for what in ("MP4", "JPEG", "GIF"))
    three = (video[0] + picture[0] + gif[0], video[1] + picture[1] + gif[1])
    whole, own_gif = timer.median("whole row"), timer.median("GIF alone")
    return [
        line("whole row", three, whole),
        line("MP4 alone", video, (whole[0] - own_gif[0], whole[1] - own_gif[1])),
        line("all pieces cached", three, timer.median("all pieces cached")),
        line("GIF alone", gif, own_gif),
    ]


def line(name: str, theirs: tuple[float, float], mine: tuple[float, float]) -> list[object]:
    """Return one line: medians of both, and how many times quicker ours is."""
    return [
        name,
        report.Figure(name="ours", value=1_000 * mine[0], unit=" ms"),
        report.Figure(name="ffmpeg", value=1_000 * theirs[0], unit=" ms"),
        report.Figure(name="quicker", value=theirs[0] / mine[0], unit="x", floor=TARGETS[name], peer="ffmpeg"),
        report.Figure(name="quicker, CPU", value=theirs[1] / mine[1], unit="x", peer="ffmpeg"),
    ]


def pools(folder: Path, path: Path, rounds: int) -> list[list[object]]:
    """Let one worker and two take turns, with bare loops between them; return the lines of the table."""
    made = {count: workers.RenderPool(count, folder / "cache") for count in (1, 2)}
    for count, pool in made.items():
        rows_a_second(pool, folder, path, f"warm{count}", 2 * count)
    rates: dict[str, list[float]] = {f"{what} {count}": [] for what in ("render", "loop", "cpu") for count in (1, 2)}
    for number in range(rounds):
        for count in (1, 2) if number % 2 else (2, 1):
            rates[f"loop {count}"].append(loops_a_second(count))
            used_s, rows = processor_s(made[count]), POOL_ROWS * count
            rates[f"render {count}"].append(rows_a_second(made[count], folder, path, f"{number}-{count}", rows))
            rates[f"cpu {count}"].append((processor_s(made[count]) - used_s) / rows)
    private = [private_mib(pid) for pool in made.values() for pid in pool.pids]
    for pool in made.values():
        pool.close()
    gain, free, cost = (
        statistics.median(two / one for one, two in zip(rates[f"{what} 1"], rates[f"{what} 2"], strict=True))
        for what in ("render", "loop", "cpu")
    )
    floor = round(TWO_OF_TWO * min(free, 2) / 2, 2)
    figures = [
        ("rows an hour, one worker", report.Figure(name="one", value=3_600 * statistics.median(rates["render 1"]))),
        ("rows an hour, two workers", report.Figure(name="two", value=3_600 * statistics.median(rates["render 2"]))),
        ("two workers beside one", report.Figure(name="gain", value=gain, unit="x", floor=floor, peer="one worker")),
        ("two bare loops beside one", report.Figure(name="free", value=free, unit="x", peer="one loop")),
        ("processor time of a row, two workers beside one",
         report.Figure(name="cost", value=cost, unit="x", limit=COSTLIER, peer="one worker")),
        ("private memory of a worker, largest",
         report.Figure(name="private", value=max(private), unit=" MiB", limit=PRIVATE_MIB)),
    ]  # fmt: skip
    return [list(figure) for figure in figures]


def rows_a_second(pool: workers.RenderPool, folder: Path, path: Path, name: str, count: int) -> float:
    """Render rows that were never seen before."""
    jobs = [
        job.RenderJob(
            generation_id=f"{name}-{n}", template=str(path), out_dir=str(folder / "pool" / f"{name}-{n}"),
            values={"first_name": f"P{name}-{n}", "company": f"C{name}-{n}"},
        )
        for n in range(count)
    ]  # fmt: skip
    began = time.perf_counter()
    for future in [pool.submit(one) for one in jobs]:
        future.result()
    return count / (time.perf_counter() - began)


def processor_s(pool: workers.RenderPool) -> float:
    """Return the processor seconds that a pool's processes have used."""
    ticks = 0
    for pid in pool.pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def loops_a_second(count: int) -> float:
    """Return what the machine gives to so many processes that only count."""
    started = [subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE) for _ in range(count)]
    return count / max(float(process.communicate()[0]) for process in started)


def private_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) // 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.render_rows")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(arguments).rounds
    if not ffmpeg_program():
        report.note("there is no ffmpeg to compare with")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = template(folder)
        alone = single(folder, path, rounds)
        together = pools(folder, path, rounds)
    title = f"Rows of {SECONDS} s at {SIZE[0]}x{SIZE[1]}, {FPS}/s, of which {SHARE:.0%} varies, {rounds} rounds"
    report.show("render_rows", title, ["what", "ours", "ffmpeg", "times quicker", "of processor time"], alone)
    report.note(f"at the same speed per frame, encoding only what varies can give {1 / SHARE:g}x at most")
    report.show("render_rows", f"Two workers, {POOL_ROWS} rows each in a round", ["what", "median"], together)
    return int(report.missed([*alone, *together]) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
