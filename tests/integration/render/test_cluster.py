"""Rows on a Dask cluster: many through two workers, one of which is killed on the way; an address that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.render import workers

ROWS = 40

PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from distributed import LocalCluster
from bhuman_cli.studio.render import job, workers

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


@pytest.mark.parametrize("address", ["ray://host", "host:8786"])
def test_an_address_of_no_known_kind_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must look like dask://host:8786"):
        workers.RenderPool(1, tmp_path, executor=address)


def test_without_dask_the_hint_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        workers.RenderPool(1, tmp_path, executor="dask://127.0.0.1:1")
    assert caught.value.hint == 'pip install "bhuman[dask]"'
