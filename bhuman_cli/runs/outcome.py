"""Outcome of a run when its command ends: counts, exit code, the command that continues. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bhuman_cli import domain, errors, shell
from bhuman_cli.domain import Status
from bhuman_cli.errors import ExitCode
from bhuman_cli.runs.submit import Ending

_ENDING_CODES: Final = {
    Ending.CREDENTIALS: ExitCode.CREDENTIALS,
    Ending.DOWN: ExitCode.DOWN,
    Ending.SLOW: ExitCode.NOT_FINISHED,
    Ending.REFUSED: ExitCode.NOT_FINISHED,
    Ending.BUSINESS: ExitCode.NOT_FINISHED,
    Ending.NO_MONEY: ExitCode.NOT_FINISHED,
    Ending.DOUBT: ExitCode.NOT_FINISHED,  # what is still in doubt at the end is counted, not remembered
    Ending.BRAKED: ExitCode.NOT_FINISHED,
    Ending.PACED: ExitCode.NOT_FINISHED,
    Ending.BUDGET: ExitCode.NOT_FINISHED,
    Ending.SUPERSEDED: ExitCode.REFUSED,
    Ending.UNKNOWN_VIDEOS: ExitCode.REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run stands when its command ends.

    tally, selected: rows by status, of the whole file and of the selection. unsent: rows that were to be sent.
    held_back: rows waiting for a word after a sample. ending, reason: why sending ended.
    unanswered: the service gave no good answer in the last minute of waiting. refused: it refuses to be asked.
    stopped: 130 or 143 after a signal, else 0. audit: videos in the target that nobody asked for.
    declined: a person saw the sample and said no. sample_failed: the rest was to follow only a sample that succeeds.
    doubts: requests of this file, from any run, that stay in doubt. unwritten: the results file could not be written.
    successor: the unfinished run that took over this one's unsent rows, "" if there is none.
    profile: whose credentials the run is paid with.
    shared: rows that show another row's video. later: rows that are left for another command; they are pending, and
    neither this run's nor anybody's to wait for.
    old: rows that ended badly, and of which an earlier command has told; they don't count again.
    fetched: how fetching the media ended, with fetch_command to go on; OK where that was not asked for.
    """

    run_id: str
    tally: Mapping[str, int]
    selected: Mapping[str, int]
    unsent: int
    submitted: int
    reused: int
    requests: int
    polls: int
    elapsed_s: float
    ending: Ending
    reason: str
    waited: bool
    held_back: int = 0
    unanswered: bool = False
    refused: str = ""
    stopped: int = 0
    doubts: int = 0
    audit: int = 0
    declined: bool = False
    sample_failed: bool = False
    unwritten: bool = False
    successor: str = ""
    profile: str = ""
    shared: int = 0
    later: int = 0
    old: int = 0
    fetched: ExitCode = ExitCode.OK
    fetch_command: str = ""

    @property
    def open_rows(self) -> int:
        """Return the selected rows that have no end yet."""
        return sum(self.selected.get(status, 0) for status in domain.UNFINISHED) - self.later

    @property
    def exit_code(self) -> ExitCode:
        """Return the code nearest to money."""
        codes: list[ExitCode] = []
        if self.selected.get(Status.IN_DOUBT, 0) or self.doubts:
            codes.append(ExitCode.IN_DOUBT)
        if self.stopped:
            return ExitCode.IN_DOUBT if codes else ExitCode(self.stopped)
        if self.ending in _ENDING_CODES and (self.unsent or self.ending is Ending.SUPERSEDED):
            is_first = self.ending is Ending.BUDGET and not self.requests
            codes.append(ExitCode.REFUSED if is_first else _ENDING_CODES[self.ending])
        if self.waited and not self.declined and self.open_rows > (self.held_back if self.sample_failed else 0):
            codes.append(ExitCode.NOT_FINISHED)
            codes += [ExitCode.DOWN] if self.unanswered else []
            codes += [ExitCode.CREDENTIALS] if self.refused else []
        if self.unwritten or self.unsent or self.successor or (self.held_back and not self.sample_failed):
            codes.append(ExitCode.NOT_FINISHED)
        if self.sample_failed:
            codes.append(ExitCode.ROWS_FAILED)
        bad = sum(self.selected.get(status, 0) for status in (Status.FAILED, Status.REJECTED, Status.INVALID))
        if bad > self.old:
            codes.append(ExitCode.ROWS_FAILED)
        return errors.worst([*codes, self.fetched])

    @property
    def next_command(self) -> str | None:
        """Return the command that continues; None when nothing is left."""
        if self.selected.get(Status.IN_DOUBT, 0) or self.doubts:
            return f"bhuman resume {self.run_id} --in-doubt ask{self._profile}"
        if self.unwritten or (not self.declined and (self.open_rows or self.unsent or self.held_back)):
            return f"bhuman resume {self.run_id}{self._profile}"
        if self.successor:
            return f"bhuman resume {self.successor}{self._profile}"
        return self.fetch_command if self.fetched else None

    @property
    def _profile(self) -> str:
        return f" --profile {shell.quote(self.profile)}" if self.profile not in {"", "default"} else ""

    def as_json(self) -> dict[str, Any]:
        """Return the counting part of the `--json` document.

        Raises:
            JournalError: the counts do not add up to the rows of the file.
        """
        total = sum(self.tally.values())
        rows = {"total": total} | {str(status): self.tally.get(status, 0) for status in Status}
        if sum(count for name, count in rows.items() if name != "total") != total:
            raise errors.JournalError("the counts of this run do not add up", hint="bhuman doctor")
        return {
            "run_id": self.run_id,
            "rows": {
                **rows,
                "reused": self.reused,
                "submitted": self.submitted,
                "shared": self.shared,
                "later": self.later,
            },
            "requests": {"submit": self.requests, "poll": self.polls},
            "elapsed_s": round(self.elapsed_s, 3),
            "exit_code": int(self.exit_code),
            "next": self.next_command,
        }


def as_error(outcome: Outcome) -> errors.BhumanError | None:
    """Return the end of a run as programs read it from stderr; None for exit 0."""
    code = outcome.exit_code
    if code is ExitCode.OK:
        return None
    if code is ExitCode.REFUSED:
        word = _REFUSED_WORDS.get(outcome.ending, "locked")
        return errors.Refusal(outcome.reason or "another process holds the target", code=word)
    kind, word, said = _SAID.get(code, (errors.BhumanError, "stopped", "stopped by a signal; nothing is lost"))
    reason = outcome.refused or outcome.reason
    shows_reason = bool(reason) and code is not ExitCode.ROWS_FAILED
    hint = "bhuman login" if code is ExitCode.CREDENTIALS else outcome.next_command or ""
    if outcome.fetched and replace(outcome, fetched=ExitCode.OK).exit_code is ExitCode.OK:
        said = "every row succeeded, but some files could not be fetched"
    if outcome.unwritten and replace(outcome, unwritten=False).exit_code is not code:
        said = "nothing is left to wait for, but the results file could not be written"
    word = _GATE_WORDS.get(outcome.ending, word) if code is ExitCode.NOT_FINISHED else word
    error = kind(f"{said}: {reason}" if shows_reason else said, hint=hint, code=word)
    error.exit_code = code
    return error


_REFUSED_WORDS: Final = {Ending.BUDGET: "over_budget", Ending.UNKNOWN_VIDEOS: "unknown_videos"}
_GATE_WORDS: Final = {Ending.BRAKED: "too_many_failures", Ending.BUDGET: "over_budget"}

_SAID: Final[Mapping[ExitCode, tuple[type[errors.BhumanError], str, str]]] = {
    ExitCode.IN_DOUBT: (errors.InDoubtError, "in_doubt", "a request may have been accepted; a person decides"),
    ExitCode.DOWN: (errors.ServiceDown, "service_down", "the service could not be reached"),
    ExitCode.CREDENTIALS: (errors.CredentialsError, "credentials", "the credentials were refused"),
    ExitCode.NOT_FINISHED: (errors.NotFinished, "not_finished", "rows are still unsent or not finished"),
    ExitCode.ROWS_FAILED: (errors.BhumanError, "rows_failed", "some rows failed, were rejected or left out"),
}
