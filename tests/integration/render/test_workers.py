"""The worker processes: started anywhere, replaced when they die, deaf to Ctrl-C, gone with their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.studio.render import job
from bhuman_cli.studio.render.pool import workers
from tests.integration.render import footage
from tests.integration.render.conftest import Web
from tests.support import servers
from tests.support.studio import eventually


@pytest.fixture
def pool(cache_dir: Path) -> Iterator[workers.RenderPool]:
    made = workers.RenderPool(1, cache_dir)
    yield made
    made.close()


def row(plain_template: Path, out: Path, name: str, **more: Any) -> job.RenderJob:
    values = {"first_name": name, "company": "Acme"}
    return job.RenderJob(
        generation_id=name, template=str(plain_template), values=values, out_dir=str(out / name), **more
    )


def test_jobs_render_in_other_processes_even_when_sent_from_a_thread(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as thread:
        futures = [thread.submit(pool.submit, row(plain_template, tmp_path, name)).result() for name in ("a", "b")]
        media = [future.result(60) for future in futures]
    assert [Path(found.video).parent.name for found in media] == ["a", "b"]
    assert all(Path(found.page).read_text("utf-8").startswith("<!DOCTYPE html>") for found in media)
    assert len(pool.pids) == 1


def test_a_failed_row_is_told_and_the_next_one_goes_on(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path
) -> None:
    shown = {"start": 0, "end": 1, "kind": "link", "config": {"mode": "basic"}}
    bad = pool.submit(row(plain_template, tmp_path, "bad", assets=("ftp://x/y",), backgrounds=(shown,)))
    good = pool.submit(row(plain_template, tmp_path, "good"))
    with pytest.raises(job.RenderFailure, match=r"^background 1: the asset must be an http or https address, not ftp$"):
        bad.result(60)
    assert good.result(60).duration_s == pytest.approx(4.0)


def test_a_worker_that_dies_is_a_failed_attempt_and_not_a_lost_row(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path
) -> None:
    pool.submit(row(plain_template, tmp_path, "warm")).result(60)
    before = pool.pids
    futures = [pool.submit(row(plain_template, tmp_path, name)) for name in ("a", "b", "c")]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [Path(future.result(60).video).parent.name for future in futures] == ["a", "b", "c"]
    assert not before & pool.pids


def test_a_row_that_kills_its_worker_twice_fails_and_the_pool_lives_on(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path
) -> None:
    """The killer is a template path whose reading ends the process: a named pipe nobody writes to, and a signal."""
    pool.submit(row(plain_template, tmp_path, "warm")).result(60)
    pipe = tmp_path / "template.toml"
    os.mkfifo(pipe)
    doomed = pool.submit(job.RenderJob(generation_id="x", template=str(pipe), values={}, out_dir=str(tmp_path / "x")))

    def kill_whoever_reads() -> None:
        before: set[int] = set()
        for _ in range(2):
            with pipe.open("wb"):  # returns once a worker has opened it for reading
                now = pool.pids - before
                descriptors = [os.pidfd_open(pid) for pid in now]
                for pid in now:
                    os.kill(pid, signal.SIGKILL)
                assert _ended(descriptors, 10)
                before |= now

    killer = threading.Thread(target=kill_whoever_reads, daemon=True)
    killer.start()
    with pytest.raises(job.RenderFailure, match="died twice"):
        doomed.result(60)
    killer.join(10)
    assert pool.submit(row(plain_template, tmp_path, "after")).result(60).duration_s > 0


def test_rows_beside_one_that_kills_its_workers_are_not_even_begun_again(
    cache_dir: Path, plain_template: Path, tmp_path: Path
) -> None:
    """The neighbour hangs on a pipe of its own while the guilty row dies twice: its process is the one it began in."""
    pool = workers.RenderPool(2, cache_dir)
    pipes = {name: tmp_path / f"{name}.toml" for name in ("guilty", "innocent")}
    futures = {}
    for name, pipe in pipes.items():
        os.mkfifo(pipe)
        (tmp_path / name).mkdir()
        (tmp_path / name / ".video-abcdefgh.mp4").write_bytes(b"as a killed process leaves it")
        futures[name] = pool.submit(
            job.RenderJob(generation_id=name, template=str(pipe), values={}, out_dir=str(tmp_path / name))
        )
    with pipes["innocent"].open("wb") as innocent:
        for _ in range(2):
            with pipes["guilty"].open("wb"):
                (guilty,) = eventually(lambda: [pid for pid in pool.pids if _has_open(pid, pipes["guilty"])])
                os.kill(guilty, signal.SIGKILL)
                assert not _has_open_again(guilty)
        with pytest.raises(job.RenderFailure, match="died twice"):
            futures["guilty"].result(60)
        assert not futures["innocent"].done()
        innocent.write(b"name = ")
    with pytest.raises(job.RenderFailure, match="innocent"):  # judged by what its own template says
        futures["innocent"].result(60)
    assert not list((tmp_path / "guilty").glob(".*")), "nothing hidden is left of a row that died"
    pool.close()


def _has_open(pid: int, path: Path) -> bool:
    return any(link.is_fifo() and link.resolve() == path.resolve() for link in Path(f"/proc/{pid}/fd").iterdir())


def _has_open_again(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        return not _ended([os.pidfd_open(pid)], 10)
    return False


def test_a_row_may_take_only_so_long_and_is_not_tried_again(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PREPARE_S", 0.3)
    os.mkfifo(tmp_path / "never.toml")
    stuck = job.RenderJob(generation_id="x", template=str(tmp_path / "never.toml"), values={}, out_dir=str(tmp_path))
    with pytest.raises(job.RenderFailure, match=r"^rendering took longer than"):
        pool.submit(stuck).result(30)
    monkeypatch.undo()
    assert pool.submit(row(plain_template, tmp_path, "after")).result(60).duration_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_knows_none_of_our_keys_and_may_take_only_so_much_memory(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BHUMAN_API_KEY_SECRET", "do-not-pass-on")
    shown = {"start": 0, "end": 1, "kind": "link", "config": {"mode": "basic"}}
    held = http_that_hangs()
    with held as (address, asked):
        future = pool.submit(
            row(plain_template, tmp_path, "a", assets=(address,), backgrounds=(shown,), options={"allow_private": True})
        )
        assert asked.wait(60)
        (pid,) = pool.pids
        assert b"do-not-pass-on" not in Path(f"/proc/{pid}/environ").read_bytes()
        bound = eventually(lambda: _most_data(pid))  # the parent asks for the asset before the worker comes to it
        assert 2 * 2**30 <= bound < 8 * 2**30
    with pytest.raises(job.RenderFailure, match="background 1"):
        future.result(60)


def _most_data(pid: int) -> int:
    (bound,) = (line.split()[3] for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "data size" in line)
    return int(bound) if bound != "unlimited" else 0


@contextlib.contextmanager
def http_that_hangs() -> Iterator[tuple[str, threading.Event]]:
    """A host whose answer is awaited as long as the block lasts: the row is in its middle."""
    asked, closing = threading.Event(), threading.Event()

    def hang(connection: socket.socket) -> None:
        asked.set()
        closing.wait(60)

    with servers.byte_server(hang) as server:
        yield f"{server.url}/a.png", asked
        closing.set()


def test_closing_ends_the_workers_and_what_has_not_begun(cache_dir: Path, plain_template: Path, tmp_path: Path) -> None:
    pool = workers.RenderPool(1, cache_dir)
    futures: list[Future[Any]] = [pool.submit(row(plain_template, tmp_path, f"r{number}")) for number in range(12)]
    futures[0].result(60)
    pool.close()
    stopped = [future for future in futures if future.exception(10) is not None]
    assert stopped, "twelve rows can't have been rendered already"
    assert all("stopped before" in str(future.exception()) for future in stopped)
    with pytest.raises(job.RenderFailure, match="stopped"):
        pool.submit(row(plain_template, tmp_path, "late")).result(1)
    assert not pool.pids


def test_a_cancelled_job_does_not_disturb_the_pool(
    pool: workers.RenderPool, plain_template: Path, tmp_path: Path
) -> None:
    given_up = pool.submit(row(plain_template, tmp_path, "a"))
    given_up.cancel()
    assert pool.submit(row(plain_template, tmp_path, "b")).result(60).duration_s > 0


PARENT = """
import sys
from pathlib import Path
from bhuman_cli.studio.render import job
from bhuman_cli.studio.render.pool import workers
pool = workers.RenderPool(1, Path(sys.argv[1]))
values = {"first_name": "A", "company": "B"}
work = job.RenderJob(generation_id="a", template=sys.argv[2], values=values, out_dir=sys.argv[3])
pool.submit(work).result(60)
print(*pool.pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_workers_die_with_their_parent_and_ignore_ctrl_c(cache_dir: Path, plain_template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(cache_dir), str(plain_template), str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        watched = [os.pidfd_open(pid) for pid in pids]
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        assert not _ended(watched, 0.3), "Ctrl-C belongs to the parent"
        parent.kill()
        assert _ended(watched, 10), "orphans are left"
        for descriptor in watched:
            os.close(descriptor)


def _ended(descriptors: list[int], within_s: float) -> bool:
    import select

    waiting = set(descriptors)
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], within_s)
        if not ready:
            return False
        waiting -= set(ready)
    return True


def test_assets_are_fetched_ahead_and_once_for_all_rows_and_workers(
    plain_template: Path, tmp_path: Path, web: Web
) -> None:
    footage.image(web.folder / "shared.png", (200, 30, 30))
    pool = workers.RenderPool(2, tmp_path / "cache")
    shown = {"start": 1, "end": 2, "kind": "link", "config": {"mode": "basic"}}
    options = {"allow_private": True}
    futures = [
        pool.submit(
            row(
                plain_template, tmp_path, name, assets=(f"{web.url}/shared.png",), backgrounds=(shown,), options=options
            )
        )
        for name in ("a", "b", "c", "d")
    ]
    for future in futures:
        future.result(60)
    pool.close()
    assert web.asked.count("/shared.png") == 1
