"""`import bhuman_cli as bhuman`: the commands as functions, silent, with the same guards, from any thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import bhuman_cli as bhuman
from bhuman_cli import errors, programs
from bhuman_cli.cli import app
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Be a program that runs in the desk's folder and environment."""
    monkeypatch.chdir(desk.folder)
    for name, value in desk.env.items():
        monkeypatch.setenv(name, value)
    return desk


def test_a_program_renders_resumes_and_reads_results_without_a_word(
    here: Desk, service: PlainService, capfd: pytest.CaptureFixture[str]
) -> None:
    here.people(5)
    planned = bhuman.plan("people.csv")
    assert planned.plan is not None
    assert (planned.exit_code, planned.plan["new"], len(service.bodies)) == (0, 5, 0)
    heard: list[dict[str, int]] = []
    outcome = bhuman.render(
        Path("people.csv"), only=["first_name"], poll_interval="0.05s", chunk_size=2,
        on_progress=lambda rows, _: heard.append(dict(rows)),
    )  # fmt: skip
    assert (outcome.exit_code, outcome.rows["succeeded"], len(service.bodies)) == (0, 5, 3)
    assert service.texts()[0] == ["Name0"]
    assert heard
    assert heard[-1]["total"] == 5
    assert [row["first_name"] for row in bhuman.results("people.csv")] == [f"Name{at}" for at in range(5)]
    assert bhuman.results(str(outcome.run_id)) == here.results()
    assert bhuman.resume().exit_code == 0
    assert bhuman.status(str(outcome.run_id)).rows["succeeded"] == 5
    assert capfd.readouterr() == ("", "")


def test_what_stops_a_program_is_an_exception_of_its_kind(here: Desk, service: PlainService) -> None:
    here.people(5)
    with pytest.raises(errors.Refusal) as refused:
        bhuman.render("people.csv", max_rows=2)
    assert refused.value.code == "over_max_rows"
    with pytest.raises(errors.UsageError, match="no file"):
        bhuman.render("nobody.csv")
    with pytest.raises(errors.UsageError, match="no option"):
        bhuman.render("people.csv", nonsense=1)  # type: ignore[call-arg]
    here.table("bad.csv", [("Ana", "")])
    with pytest.raises(errors.InputError) as wrong:
        bhuman.render("bad.csv")
    assert wrong.value.problems[0]["line"] == 2
    assert service.bodies == []


def test_a_program_stops_a_run_from_a_thread_and_goes_on_later(here: Desk, service: PlainService) -> None:
    """In a thread, under a running event loop; nothing but `cancel` ends it."""
    finishes = threading.Event()
    service.shape = lambda record: record if finishes.is_set() else {**record, "status": "processing", "url": ""}
    here.people(3)
    cancel = threading.Event()

    async def work() -> programs.Outcome:
        task = asyncio.to_thread(bhuman.render, "people.csv", poll_interval=0.05, cancel=cancel)
        waiting = asyncio.ensure_future(task)
        while not service.bodies:
            await asyncio.sleep(0.02)
        cancel.set()
        return await waiting

    began = time.monotonic()
    outcome = asyncio.run(work())
    assert (outcome.exit_code, outcome.rows["total"]) == (130, 3)
    assert time.monotonic() - began < 20
    finishes.set()
    again = bhuman.resume(outcome.run_id, poll_interval=0.05)
    assert (again.exit_code, again.rows["succeeded"], len(service.bodies)) == (0, 3, 1)


def test_every_option_of_the_commands_is_an_argument() -> None:
    """Those that only make sense on a command line are not: how to print, and what a program says by calling."""
    about_printing = {"json", "progress", "no_input", "init", "dry_run", "plan_out"}
    for name, declared in (("render", programs.RenderOptions), ("resume", programs.ResumeOptions)):
        options = {
            max(each.opts, key=len).removeprefix("--").replace("-", "_")
            for each in app.load(name).params
            if each.param_type_name == "option"
        }
        assert options - about_printing - {"help"} <= set(declared.__annotations__), name


def test_importing_it_costs_hardly_more_than_typer() -> None:
    """By turns in one run; the best of each counts, because whatever disturbs a start makes it longer."""

    def best(code: str) -> float:
        script = f"import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"
        return min(float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(5))

    assert best("import bhuman_cli") <= 1.3 * best("import typer")
    heavy = "import bhuman_cli, sys; print([m for m in ('typer', 'rich', 'requests', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True).strip() == "[]"
