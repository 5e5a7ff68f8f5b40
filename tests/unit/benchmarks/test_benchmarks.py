"""The one command that measures: it finds every benchmark, gathers figures, and says when one is beyond its limit."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import report

pytest.importorskip("resource", reason="times are measured with it")


@pytest.mark.parametrize("name", command.names())
def test_every_benchmark_can_be_run_and_shows_its_figures_where_they_are_kept(name: str) -> None:
    """A module that prints freely is left out of the JSON, and its limits are nobody's."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    assert callable(module.main)
    text = Path(str(module.__file__)).read_text("utf-8")
    assert re.findall(r"report\.show\(\s*\"(\w+)\"", text), "it shows no table"
    assert set(re.findall(r"report\.show\(\s*\"(\w+)\"", text)) == {name}
    assert "report.missed(" in text, "its exit code does not know its limits"


def test_every_module_that_can_be_run_is_found() -> None:
    runnable = set()
    for path in command.HERE.glob("*.py"):
        spec = importlib.util.find_spec(f"tests.benchmarks.{path.stem}")
        assert spec is not None
        if path.stem != "__main__" and re.search(r"^def main\(", path.read_text("utf-8"), re.MULTILINE):
            runnable.add(path.stem)
    assert set(command.names()) == runnable
    assert {"startup", "polling", "download_curl", "render_speed"} <= runnable


def test_an_unknown_name_is_an_error_and_not_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["download"])
    assert ended.value.code == 2
    assert "there is no benchmark download" in capsys.readouterr().err


def test_figures_know_their_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(report.FOLDER_VARIABLE, str(tmp_path))
    rows: list[list[object]] = [
        ["quick", report.Figure(name="a", value=1.3, limit=1.3), report.Figure(name="b", value=7.0, floor=7)],
        ["slow", report.Figure(name="a", value=1.31, limit=1.3), report.Figure(name="b", value=6.9, floor=7)],
        ["free", report.Figure(name="a", value=10_000.0), "text"],
    ]
    assert [[str(cell) for cell in row[1:]] for row in rows] == [
        ["1.30 (≤ 1.3)", "7.00 (≥ 7)"],
        ["1.31 (≤ 1.3) MISSED", "6.90 (≥ 7) MISSED"],
        ["10,000", "text"],
    ]
    assert report.missed(rows) == 2
    report.show("tests.benchmarks.some", "Title", ["what", "a", "b"], rows)
    (written,) = tmp_path.glob("some-*.json")
    figures = json.loads(written.read_text("utf-8"))["figures"]
    assert [(figure["row"], figure["holds"]) for figure in figures] == [
        ("quick", True), ("quick", True), ("slow", False), ("slow", False), ("free", True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "exits", "said"),
    [(1.0, 0, "1 figures, 0 beyond"), (2.0, 1, "beyond its limit: row: some 2.00, wanted ≤ 1.5"),
     (1.0, 3, "broken: fake")],
)  # fmt: skip
def test_the_command_fails_for_a_figure_beyond_its_limit_and_for_a_broken_benchmark(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: float,
    exits: int,
    said: str,
) -> None:
    package = tmp_path / "tests" / "benchmarks"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "report.py").write_text(Path(str(report.__file__)).read_text("utf-8"))
    (package / "fake.py").write_text(
        "import sys\nfrom tests.benchmarks import report\n"
        f"report.show('fake', 'T', ['what', 'some'], [['row', report.Figure(name='some', value={value}, limit=1.5)]])\n"
        f'if __name__ == "__main__":\n    sys.exit({exits})\n'
    )
    monkeypatch.setattr(command, "HERE", package)
    monkeypatch.chdir(tmp_path)
    assert command.main(["--json", str(tmp_path / "found.json")]) == int(exits > 0)
    assert said in capsys.readouterr().out
    (kept,) = json.loads((tmp_path / "found.json").read_text("utf-8"))["benchmarks"]
    assert (kept["name"], kept["exit"], len(kept["tables"])) == ("fake", exits, 1)
