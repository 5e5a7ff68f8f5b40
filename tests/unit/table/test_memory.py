"""Long files stream: ten times the rows take no more memory, and judging them only what finding equal ones needs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("resource", reason="memory is measured by it")


def test_reading_takes_no_more_memory_for_more_rows(tmp_path: Path) -> None:
    from tests.benchmarks import table_read

    peaks = []
    for rows in (5_000, 150_000):
        table_read.make_file(tmp_path / "p.csv", rows)
        found, _, peak_mib = table_read.measure(tmp_path / "p.csv", "read")
        assert found == rows
        peaks.append(peak_mib)
    assert peaks[1] - peaks[0] < 10
    _, _, judged_mib = table_read.measure(tmp_path / "p.csv", "check")
    assert judged_mib - peaks[1] < 40
