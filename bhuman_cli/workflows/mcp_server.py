"""MCP server over stdio: the commands as tools for agents. Nothing is paid without a plan that a person signed.

Works in the folder it was started in: no tool reads outside of it, follows a link out of it, or takes an address. What
recipients are called, their cells, ids and videos, stays here unless the person started it with `--show-values`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import anyio
from mcp.server.elicitation import AcceptedElicitation, CancelledElicitation, DeclinedElicitation
from mcp.server.mcpserver import Elicit, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from bhuman_cli import __version__, errors, shell
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import project_file, settings
from bhuman_cli.terminal.talk import Transcript
from bhuman_cli.workflows import plan_signature, run_context

INSTRUCTIONS: Final = """\
bhuman turns every row of a spreadsheet into a personalised video. Rendering costs credits.
Work in this order: check_table, then preview_row (free, local), then plan. `plan` writes a plan file and names the
command with which a person signs it on a terminal: ask them to. Only then apply_plan works; it returns once the service
took the rows. Look again with status; read results when it says they succeeded. Never try to spend in another way.
Errors name the cure; pass them on to the person when the cure needs them."""

_READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_PAYS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
_SECRET: Final = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|(?:https?|file)://\S+", re.IGNORECASE)
_MOST_ROWS: Final = 2_000

FileArgument = Annotated[str, Field(description="The table, a path inside the folder the server was started in.")]
Campaign = Annotated[str | None, Field(description="Campaign UUID; usually the project file names it.")]
Sheet = Annotated[str | None, Field(description="Sheet of a workbook, if not the first visible one.")]
Columns = Annotated[list[str] | None, Field(description="Send these columns and no others.")]


class RunCommand(Protocol):
    """Run one command line in this process."""

    def __call__(self, words: Sequence[str], *, cancel: threading.Event | None = None) -> Transcript:
        """Return what came of it."""
        ...


class Problem(TypedDict):
    """What is wrong in one place of a table; never the cell itself."""

    row_index: int | None
    line: int | None
    column: str
    rule: str
    hint: str


class TableCheck(TypedDict):
    """Whether a table can be rendered."""

    ok: bool
    rows: dict[str, int]
    problems: list[Problem]
    notices: list[str]


class PlanMade(TypedDict):
    """What would be paid, and what a person has to do to allow it."""

    plan_file: str
    videos: int
    rows: dict[str, int]
    plan: dict[str, Any]
    to_sign: str
    notices: list[str]


class Preview(TypedDict):
    """One row rendered on this machine, for free."""

    row_index: int
    page: str
    warnings: list[str]


class RunListed(TypedDict):
    """One run of this folder's tables."""

    run_id: str
    file: str
    state: str
    rows: dict[str, int]
    created_at: str


class Runs(TypedDict):
    """The runs of this folder's tables, newest first."""

    runs: list[RunListed]


class Standing(TypedDict):
    """Where a run stands. exit_code: as the command's: 0 done, 5 some failed, 6 not finished, 9 in doubt."""

    run_id: str | None
    exit_code: int
    rows: dict[str, int]
    next: str | None


class Results(TypedDict):
    """Rows with their status; the recipients' cells, ids and links only if the person allowed it."""

    rows: list[dict[str, str]]
    more: int


class Written(TypedDict):
    """A file that was written in the folder."""

    path: str
    rows: int


class Finding(TypedDict):
    """One thing that was looked at."""

    check: str
    verdict: str
    detail: str
    hint: str


class Health(TypedDict):
    """Configuration, connection, clock and disk."""

    ok: bool
    findings: list[Finding]


class Applied(TypedDict):
    """What came of a signed plan."""

    run_id: str | None
    submitted: int
    exit_code: int
    rows: dict[str, int]
    next: str | None


_PlanPath = Annotated[str, Field(description="The plan file that a person signed.")]


class _Yes(BaseModel):
    videos: int = Field(description="Type the number of videos to pay for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What the person who started the server allows. root: nothing outside of it is read."""

    root: Path
    shows_values: bool = False
    elicits: bool = False


def build(allowed: Permissions, run_command: RunCommand) -> MCPServer[Any]:
    """Return the server with its tools."""
    server: MCPServer[Any] = MCPServer(
        "bhuman", title="bhuman", version=__version__, instructions=INSTRUCTIONS, log_level="ERROR"
    )
    tools = Tools(allowed, run_command)
    reading: list[Callable[..., Any]] = [tools.check_table, tools.runs, tools.status, tools.results, tools.doctor]
    writing: list[Callable[..., Any]] = [tools.plan, tools.preview_row, tools.gallery, tools.export]
    for tool in reading:
        server.add_tool(tool, annotations=_READS)
    for tool in writing:
        server.add_tool(tool, annotations=_WRITES)
    server.add_tool(_asking(tools) if allowed.elicits else tools.apply_plan, annotations=_PAYS)
    return server


def _asking(tools: Tools) -> Callable[..., Any]:
    """Return apply_plan as a tool that asks through the client, in whichever way its protocol does."""

    async def apply_plan(path: str, answer: Any) -> Applied:
        is_yes = isinstance(answer, AcceptedElicitation)
        return await tools.apply(path, confirmed=answer.data.videos if is_yes else 0)

    apply_plan.__doc__ = Tools.apply_plan.__doc__
    # Spelled out, because the resolver is a method of this server's tools, which no annotation can name.
    apply_plan.__annotations__ = {
        "path": _PlanPath,
        "answer": Annotated[
            AcceptedElicitation[_Yes] | DeclinedElicitation | CancelledElicitation, Resolve(tools.question)
        ],
        "return": Applied,
    }
    return apply_plan


class Tools:
    """The tools; their docstrings are written for the model that reads them."""

    def __init__(self, allowed: Permissions, run_command: RunCommand) -> None:
        self._allowed = allowed
        self._run_command = run_command

    async def check_table(
        self, file: FileArgument, campaign: Campaign = None, sheet: Sheet = None, only: Columns = None
    ) -> TableCheck:
        """Check a table as rendering would, and list every problem with its line. Sends nothing and costs nothing."""
        words = [
            self._table(file),
            "--dry-run",
            *shell.command_words({"campaign": campaign, "sheet": sheet, "only": only}),
        ]
        try:
            transcript = await self._call(["render", *words, "--json"])
        except errors.InputError as error:
            listed = [Problem(**{name: each[name] for name in Problem.__annotations__}) for each in error.problems]  # type: ignore[typeddict-item]
            return TableCheck(ok=False, rows={}, problems=listed, notices=[self._safe(error.message)])
        document = transcript.document()
        return TableCheck(ok=True, rows=document["rows"], problems=[], notices=self._notices(transcript))

    async def plan(
        self,
        file: FileArgument,
        campaign: Campaign = None,
        sheet: Sheet = None,
        only: Columns = None,
        limit: Annotated[int | None, Field(description="Only the first N rows that are not blank.", ge=1)] = None,
    ) -> PlanMade:
        """Plan which rows would be rendered and paid, and write the plan to a file. Sends nothing and costs nothing.

        Ask the person to run `to_sign` on a terminal; then call apply_plan with `plan_file`.
        """
        table = self._table(file)
        target = self._allowed.root / f"{Path(table).stem}.plan.json"
        options = {"campaign": campaign, "sheet": sheet, "only": only, "limit": limit, "plan-out": str(target)}
        transcript = await self._call(["render", table, "--dry-run", *shell.command_words(options), "--json"])
        document = transcript.document()
        with _told():
            made = plan_signature.read_plan(target)
        return PlanMade(
            plan_file=target.name, videos=made.videos, rows=document["rows"], plan=document["plan"],
            to_sign=f"bhuman plan sign {target.name}", notices=self._notices(transcript),
        )  # fmt: skip

    async def preview_row(
        self, file: FileArgument, row: Annotated[int, Field(description="Which data row, from 0.", ge=0)] = 0
    ) -> Preview:
        """Render one row on this machine, for free, and return the page that shows it. Nothing is sent."""
        transcript = await self._call(["preview", self._table(file), "--row", str(row), "--json"])
        document = transcript.document()
        warnings = [self._safe(text) for text in document["warnings"]]
        return Preview(row_index=document["row_index"], page=document["page"], warnings=warnings)

    async def runs(self, limit: Annotated[int, Field(ge=1, le=200)] = 20) -> Runs:
        """List the runs of this folder's tables, newest first."""
        transcript = await self._call(["runs", "--limit", "0", "--json"])
        listed = [
            RunListed(
                run_id=run["run_id"], file=self._relative(run["file"]), state=run["state"], rows=run["rows"],
                created_at=run["created_at"],
            )
            for run in transcript.document()["runs"]
            if self._is_inside(Path(run["file"]))
        ]  # fmt: skip
        return Runs(runs=listed[:limit])

    async def status(self, file: Annotated[str, Field(description="The table, or a run id.")]) -> Standing:
        """Say where a run stands: how many rows succeeded, failed, or are still being made."""
        transcript = await self._call(["status", self._run(file), "--json"])
        document = transcript.document()
        code = int(document.get("exit_code", transcript.exit_code))
        return Standing(
            run_id=document.get("run_id"), exit_code=code, rows=document.get("rows") or {}, next=document.get("next")
        )

    async def results(self, file: Annotated[str, Field(description="The table, or a run id.")]) -> Results:
        """List the rows of a run with their status."""
        from bhuman_cli.workflows.results import results_rows

        run = self._run(file)
        with _told():
            rows = await anyio.to_thread.run_sync(results_rows.rows, run)
        shown = rows if self._allowed.shows_values else [self._without_values(row) for row in rows]
        return Results(rows=shown[:_MOST_ROWS], more=max(0, len(rows) - _MOST_ROWS))

    async def gallery(self, file: Annotated[str, Field(description="The table, or a run id.")]) -> Written:
        """Write one HTML page that shows all videos of a run."""
        run = self._run(file)
        target = self._target(run, "gallery.html")
        transcript = await self._call(["gallery", run, "--output", str(target), "--force", "--json"])
        return Written(path=self._relative(str(target)), rows=int(transcript.document()["rows"]))

    async def export(
        self,
        file: Annotated[str, Field(description="The table, or a run id.")],
        format: Literal["csv", "tsv", "xlsx", "json", "jsonl"] = "csv",
    ) -> Written:
        """Write a run's results in another format, into the folder."""
        run = self._run(file)
        target = self._target(run, f"export.{format}")
        transcript = await self._call(["export", run, "--output", str(target), "--force", "--json"])
        return Written(path=self._relative(str(target)), rows=int(transcript.document()["rows"]))

    async def doctor(self) -> Health:
        """Check configuration, connection, clock and disk; secrets are masked."""
        transcript = await self._call(["doctor", "--json"])
        document = transcript.document()
        findings = [
            Finding(
                check=item["check"],
                verdict=item["verdict"],
                detail=self._safe(item["detail"]),
                hint=self._safe(item["hint"]),
            )
            for item in document["findings"]
        ]
        return Health(ok=transcript.exit_code == 0, findings=findings)

    async def apply_plan(self, path: _PlanPath) -> Applied:
        """Render exactly the rows of a plan that a person signed. This costs credits. Returns once they are accepted.

        Without a valid signature nothing is sent: ask the person to run `bhuman plan sign PLAN` on a terminal.
        """
        return await self.apply(path, confirmed=0)

    async def apply(self, path: str, *, confirmed: int) -> Applied:
        """Render a plan that is signed, or whose number of videos the person has just confirmed."""
        plan = self._existing(path)
        with _told():
            signed = plan_signature.read_plan(plan)
        table = self._table(signed.file)
        if not confirmed or confirmed != signed.videos:
            _require_signed(signed)
        transcript = await self._call(["render", table, f"--apply={plan}", "--no-wait", "--json"], cancellable=False)
        document = transcript.document()
        return Applied(
            run_id=document.get("run_id"), submitted=document["rows"].get("submitted", 0), rows=document["rows"],
            exit_code=int(document["exit_code"]), next=document.get("next"),
        )  # fmt: skip

    async def question(self, path: str) -> Elicit[_Yes] | _Yes:
        """Ask for the number of videos, where a plan is not signed; a client may be the agent, so not by default."""
        with _told():
            plan = plan_signature.read_plan(self._existing(path))
        try:
            _require_signed(plan)
        except ToolError:
            return Elicit(f"{plan.videos:,} videos of {Path(plan.file).name} will be rendered and paid.", _Yes)
        return _Yes(videos=0)

    async def _call(self, words: Sequence[str], *, cancellable: bool = True) -> Transcript:
        """Run a command in a thread; a call that is cancelled ends it, but never a paid request."""
        cancel = threading.Event()
        work = functools.partial(self._run_command, words, cancel=cancel)
        try:
            with _told():
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=cancellable)
        finally:
            cancel.set()

    def _table(self, text: str) -> str:
        """Return the path of a table inside the folder, its project file inside as well."""
        path = self._existing(text)
        settings_file = project_file.find(path, self._allowed.root)
        if settings_file is not None and not self._is_inside(settings_file):
            raise ToolError(f"{settings_file.name} leads out of this folder; it is not read")
        return str(path)

    def _existing(self, text: str) -> Path:
        from bhuman_cli.table.sources import address

        if address.is_address(text) or text.strip() in {"", "-"}:
            raise ToolError("only files of this folder are read here: no addresses, no standard input")
        path = self._allowed.root / text
        if not self._is_inside(path):
            raise ToolError("the path leads out of the folder that this server was started in")
        if not path.is_file():
            raise ToolError(f"there is no file {text} in this folder")
        return path

    def _run(self, text: str) -> str:
        """Return the run meant by an id or a table, of this folder's runs only."""
        from bhuman_cli.workflows.results import run_lookup

        with _told(), contextlib.closing(run_context.open_journal(settings.home(os.environ))) as journal:
            name = text.strip()
            run = run_lookup.named(journal, name if re.fullmatch(r"r[0-9a-f]{2,}", name) else str(self._existing(text)))
        if not (self._is_inside(Path(run.input_path)) and self._is_inside(Path(run.output_path))):
            raise ToolError("this run belongs to a table outside of this folder")
        return run.run_id

    def _target(self, run: str, ending: str) -> Path:
        target = self._allowed.root / f"{run}.{ending}"
        if target.is_symlink():
            raise ToolError(f"{target.name} is a link; it is left alone")
        return target

    def _is_inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._allowed.root))

    def _relative(self, path: str) -> str:
        return os.path.relpath(os.path.realpath(path), os.path.realpath(self._allowed.root))

    def _notices(self, transcript: Transcript) -> list[str]:
        return [self._safe(text) for _, text in transcript.said]

    def _safe(self, text: str) -> str:
        return text if self._allowed.shows_values else _SECRET.sub("…", text)

    def _without_values(self, row: Mapping[str, str]) -> dict[str, str]:
        """Return what may be shown of a row: where it stands, and why, without any of its own cells."""
        shown = {name: value for name, value in row.items() if name in {"row_index", "status", "generated_at"}}
        message = self._safe(row.get("message", ""))
        for name, value in row.items():
            if name not in {"row_index", "status", "message", "generated_at"} and len(value.strip()) > 1:
                message = re.sub(re.escape(value.strip()), "…", message, flags=re.IGNORECASE)
        return {**shown, "message": message}


class _told:
    """Turn what stops a command into the tool's error: the sentence, and the cure."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, errors.InputError) and error.problems:
            return  # `check_table` reads them
        if isinstance(error, errors.BhumanError):
            cure = f" Cure: {error.hint}" if error.hint else ""
            raise ToolError(f"{error.code}: {_SECRET.sub('…', error.message)}.{cure}") from None


def _require_signed(plan: plan_signature.Plan) -> None:
    with _told():
        plan_signature.require_signed(plan, settings.home(os.environ), SystemClock().now())


def serve(allowed: Permissions, run_command: RunCommand) -> None:
    """Serve on stdin and stdout until the client goes away."""
    build(allowed, run_command).run("stdio")
