"""Render process: rows in as lines of JSON, their files or their failure out. Runs apart from what may be kept secret.

Started by `workers` with an environment of its own; ends when the other end of its input is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from bhuman_cli.studio.render.job import RenderFailure, RenderHalted, RenderJob

ROW_MEMORY_BYTES: Final = 2 * 1024**3
"""Beyond what decoders' threads take for their stacks; a row of 1080p takes 0.6 GB at its worst."""

_STACK_BYTES: Final = 16 * 1024**2


def main(cache_dir: str) -> None:
    """Render what comes in until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to the parent, which ends us in its own time
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, jobs), daemon=True, name="parent-watch").start()
    while True:
        answer = _run(RenderJob.from_json(json.loads(jobs.get())), Path(cache_dir), answers)
        _say(answers, answer)
        _give_back()


def _read(source: IO[bytes], jobs: queue.SimpleQueue[str]) -> None:
    for line in source:
        jobs.put(line.decode())
    os._exit(1)  # the parent is gone, however it went


def _run(job: RenderJob, cache_dir: Path, answers: IO[str]) -> dict[str, Any]:
    from bhuman_cli.studio.render import job as rendering

    def begin() -> None:
        """Bound the row itself; the template, which is its owner's, took what it needed."""
        _bound_memory(ROW_MEMORY_BYTES + (os.cpu_count() or 1) * _STACK_BYTES)
        _say(answers, {"begun": True})

    try:
        return {"media": asdict(rendering.render(job, cache_dir, begin))}
    except RenderFailure as problem:
        return {"failure": problem.message}
    except RenderHalted as problem:
        return {"halted": str(problem)}
    except MemoryError:
        return {"failure": f"rendering needs more than the {ROW_MEMORY_BYTES // 2**30} GiB of memory a row may have"}
    except Exception as problem:
        return {"failure": f"rendering stopped on an unexpected {type(problem).__name__}: {problem}"}
    finally:
        _bound_memory(None)


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(f"{json.dumps(answer)}\n")
    answers.flush()


def _bound_memory(most_bytes: int | None) -> None:
    """Bound what this process may allocate from now on, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard if most_bytes is None else most_bytes, hard))


def _give_back() -> None:
    """Return freed memory to the system: the C library keeps some 30 MB a row otherwise, because pictures are large."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
