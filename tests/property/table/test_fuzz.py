"""Whatever bytes arrive: rows, or one sentence; no traceback, no hang, no memory without end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="memory is measured and bounded by it")

ROOT = Path(__file__).parents[3]
CASES = 800


def test_mutated_files_are_read_or_refused_in_bounded_memory() -> None:
    command = [sys.executable, "-m", "tests.property.table.fuzz_worker", str(CASES), str(ROOT / "tests/data/tables")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "panicked" not in done.stderr
    assert "Traceback" not in done.stderr
    from tests.property.table import fuzz_worker

    cases, read, refused, peak_mib = map(int, done.stdout.split())
    assert cases == CASES == read + refused
    assert min(read, refused) > CASES // 10
    assert peak_mib <= fuzz_worker.MAX_MIB
