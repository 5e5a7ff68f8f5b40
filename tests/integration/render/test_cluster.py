"""Rows on a Dask cluster: a worker is killed on the way; our folder is shared, or out of sight; no such address."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.render.pool import workers
from bhuman_cli.studio.render.text import fonts
from tests.integration.render import footage

ROWS = 40

PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from distributed import LocalCluster
from bhuman_cli.studio.render import job
from bhuman_cli.studio.render.pool import workers

def main(cache, template, out, rows):
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, host="127.0.0.1") as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        pool = workers.RenderPool(2, Path(cache), executor=address)
        futures = [pool.submit(job.RenderJob(
            generation_id=str(n), template=template, out_dir=f"{out}/{n}",
            values={"first_name": f"Name {n}", "company": f"Company {n % 5}"})) for n in range(rows)]
        futures[2].result(100)
        victim = next(iter(cluster.workers.values()))
        os.kill(victim.process.process.pid, signal.SIGKILL)
        ended = [future.result(100).video for future in futures]
        pool.close()
    print(json.dumps(ended))

if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
"""


def test_all_rows_end_once_though_a_worker_is_killed(plain_template: Path, cache_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    command = [sys.executable, str(program), str(cache_dir), str(plain_template), str(tmp_path / "out"), str(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    ended = json.loads(done.stdout.strip().splitlines()[-1])
    assert [Path(path).parent.name for path in ended] == [str(number) for number in range(ROWS)]
    assert all(Path(path).stat().st_size > 10_000 for path in ended)
    assert not list((tmp_path / "out").rglob(".*")), "unfinished files are left"


APART = """
import json, os, signal, subprocess, sys
from pathlib import Path
from distributed import LocalCluster
from bhuman_cli.studio.render import job
from bhuman_cli.studio.render.pool import workers

def worker(address, hidden, scratch):
    # In a mount namespace of its own our folder is an empty one, as on another machine.
    return subprocess.Popen(["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hidden,
        sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "2",
        "--no-dashboard", "--local-directory", scratch, "--host", "127.0.0.1"])

def main(hidden, scratch, rows):
    home = Path(hidden)
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as cluster:
        address = cluster.scheduler_address
        there = [worker(address, hidden, f"{scratch}/{n}") for n in range(2)]
        pool = workers.RenderPool(2, home / "cache", executor=address.replace("tcp://", "dask://"))
        def send(n, template="plain.toml"):
            return pool.submit(job.RenderJob(generation_id=str(n), template=str(home / template),
                out_dir=str(home / "media" / str(n)),
                values={"first_name": f"Name {n}", "company": f"Company {n % 5}"}))
        futures = [send(n) for n in range(rows)]
        futures[2].result(100)
        os.kill(there[0].pid, signal.SIGKILL)
        there.append(worker(address, hidden, f"{scratch}/late"))
        ended = [future.result(100).video for future in futures]
        failed = str(send(rows, "damaged.toml").exception(100))
        pool.close()
    for process in there:  # one that joined late may still look for the scheduler
        process.kill()
        process.wait(10)
    print(json.dumps([ended, failed]))

if __name__ == "__main__":
    main(*sys.argv[1:3], int(sys.argv[3]))
"""


def test_workers_that_do_not_see_our_folder_send_the_files_back(plain_template: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this system can't hide a folder from a process")
    home = tmp_path / "home"
    (home / "media").mkdir(parents=True)
    shutil.copy(fonts.HERE / "NotoSans-Bold.ttf", home / "own.ttf")
    shutil.copy(plain_template.with_name("plain.mp4"), home / "plain.mp4")
    text = plain_template.read_text("utf-8").replace('style = "badge"', 'style = "badge"\nfont = "own.ttf"')
    (home / "plain.toml").write_text(text, "utf-8")
    (home / "damaged.toml").write_text(text.replace("plain.mp4", "gone.mp4"), "utf-8")
    program = tmp_path / "program.py"
    program.write_text(APART, "utf-8")
    command = [sys.executable, str(program), str(home), str(tmp_path / "scratch"), "16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    ended, failed = json.loads(done.stdout.strip().splitlines()[-1])
    assert [Path(path).parent.name for path in ended] == [str(number) for number in range(16)]
    assert len(footage.decode(ended[15]).pictures) == 120
    names = {"video.mp4", "thumbnail.jpg", "preview.gif", "index.html"}
    assert all({file.name for file in Path(path).parent.iterdir()} == names for path in ended)
    assert "video 'gone.mp4' was not found" in failed
    assert not list(home.rglob(".*")), "marks or unfinished files are left"


@pytest.mark.parametrize("address", ["ray://host", "host:8786"])
def test_an_address_of_no_known_kind_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must look like dask://host:8786"):
        workers.RenderPool(1, tmp_path, executor=address)


def test_without_dask_the_hint_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        workers.RenderPool(1, tmp_path, executor="dask://127.0.0.1:1")
    assert caught.value.hint == 'pip install "bhuman[dask]"'
