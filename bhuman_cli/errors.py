"""Exceptions and exit codes. Must not know what raises them.

BhumanError                    exit  code in `--json`
├── UsageError                  2    usage
├── InputError                  3    input            (problems: list of Problem-like dicts)
├── CredentialsError            4    credentials
├── Refusal                     7    locked | over_max_rows | not_confirmed | variables_changed | unknown_results
├── Declined                    0    declined
├── ServiceDown                 8    service_down
├── JournalError                8    journal
├── NotFinished                 6    not_finished
├── InDoubtError                9    in_doubt
└── ApiError                    by its status: 4 for 401/403, 8 for 429 and 5xx, else 5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any


class ExitCode(IntEnum):
    """What a finished `bhuman` command tells the shell. Fixed by the contract with cron jobs."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    CREDENTIALS = 4
    ROWS_FAILED = 5
    NOT_FINISHED = 6
    REFUSED = 7
    DOWN = 8
    IN_DOUBT = 9
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "all selected rows succeeded, or there was nothing to do; with --no-wait: all was accepted",
    ExitCode.BUG: "a bug: an exception nobody expected",
    ExitCode.USAGE: "wrong usage",
    ExitCode.INPUT: "the input did not pass the checks; nothing was sent",
    ExitCode.CREDENTIALS: "credentials missing or refused (`bhuman login`)",
    ExitCode.ROWS_FAILED: "finished, but some rows failed, were rejected or left out as invalid",
    ExitCode.NOT_FINISHED: "not finished: waiting ended, or rows are still unsent; `bhuman resume` continues",
    ExitCode.REFUSED: "refused: not confirmed, over the cap, changed variables, unknown results, or locked",
    ExitCode.DOWN: "service or network down, or the journal can't be used; nothing uncertain is left behind",
    ExitCode.IN_DOUBT: "in doubt: a request may have been accepted; a person decides",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.TERMINATED: "terminated (SIGTERM)",
}

CODES: Mapping[str, tuple[ExitCode, str]] = {
    "usage": (ExitCode.USAGE, "correct the command line, the setting or the file that the message names"),
    "bug": (ExitCode.BUG, "report it with the file that the message names"),
    "input": (ExitCode.INPUT, "correct the table at the lines in `problems`, or --on-invalid skip"),
    "credentials": (ExitCode.CREDENTIALS, "bhuman login, or access to the campaign"),
    "rows_failed": (ExitCode.ROWS_FAILED, "look at the column `message`; --retry-failed pays for failed rows again"),
    "api": (ExitCode.ROWS_FAILED, "look at the service's words in the message"),
    "not_finished": (ExitCode.NOT_FINISHED, "bhuman resume RUN"),
    "locked": (ExitCode.REFUSED, "wait for the other bhuman, or --lock-wait 10m"),
    "untrusted_settings": (ExitCode.REFUSED, "read the project file, then bhuman trust FILE"),
    "other_account": (ExitCode.REFUSED, "use the profile that the run was paid with, or --accept-account"),
    "old_journal": (ExitCode.REFUSED, "bring the newer journal back, or --accept-journal"),
    "unknown_results": (ExitCode.REFUSED, "--adopt takes the ids over"),
    "unknown_videos": (ExitCode.REFUSED, "--adopt takes them over; --accept-videos if they are not yours"),
    "plan_unsigned": (ExitCode.REFUSED, "a person runs bhuman plan sign PLAN on a terminal"),
    "plan_changed": (ExitCode.REFUSED, "make a new plan"),
    "plan_used": (ExitCode.REFUSED, "bhuman resume, or make a new plan"),
    "plan_expired": (ExitCode.REFUSED, "make a new plan, and have it signed"),
    "plan_other_target": (ExitCode.REFUSED, "make a plan for this campaign"),
    "plan_other_journal": (ExitCode.REFUSED, "apply the plan where it was made"),
    "too_many_failures": (ExitCode.REFUSED, "look at what failed, then --accept-failures"),
    "source_shrank": (ExitCode.REFUSED, "look whether the table was loaded whole, then --accept-changes"),
    "variables_changed": (ExitCode.REFUSED, "--map VARIABLE=COLUMN, or --accept-changes"),
    "over_max_rows": (ExitCode.REFUSED, "--max-rows N, if so many are meant"),
    "over_budget": (ExitCode.REFUSED, "wait until the day or month is over, or change [budget]"),
    "in_grace_time": (ExitCode.REFUSED, "try again at the time that the message names"),
    "not_confirmed": (ExitCode.REFUSED, "answer the question, or --yes"),
    "service_down": (ExitCode.DOWN, "try again later: bhuman resume RUN"),
    "journal": (ExitCode.DOWN, "bhuman doctor"),
    "in_doubt": (ExitCode.IN_DOUBT, "bhuman resume RUN --in-doubt ask"),
    "stopped": (ExitCode.INTERRUPTED, "bhuman resume RUN"),
    "declined": (ExitCode.OK, "nothing is wrong: the answer was no"),
}
"""Error code → its exit code and its cure, for `bhuman schema --errors`."""

# When several apply, the one nearest to money wins.
NEAREST_TO_MONEY: tuple[ExitCode, ...] = (
    ExitCode.IN_DOUBT,
    ExitCode.BUG,
    ExitCode.DOWN,
    ExitCode.CREDENTIALS,
    ExitCode.REFUSED,
    ExitCode.INPUT,
    ExitCode.USAGE,
    ExitCode.NOT_FINISHED,
    ExitCode.ROWS_FAILED,
)


def worst(codes: Sequence[ExitCode]) -> ExitCode:
    """Return the code nearest to money, else any that is not 0."""
    return next((code for code in NEAREST_TO_MONEY if code in codes), max(codes, default=ExitCode.OK))


class BhumanError(Exception):
    """Stop the program with a message a person can act on.

    message: the thing, the place, the rule; never a recipient's value, a key or a whole generation id.
    hint: a command that works when pasted, or empty.
    is_for_programs: to be said as JSON, though the command line does not ask for it.
    """

    exit_code: ExitCode = ExitCode.BUG
    code: str = "error"
    is_for_programs: bool = False

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code

    def as_json(self) -> dict[str, Any]:
        """Return the body of the `{"error": …}` line that `--json` prints last on stderr."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageError(BhumanError):
    """The command line, the project file or a setting is wrong."""

    exit_code = ExitCode.USAGE
    code = "usage"


class InputError(BhumanError):
    """The table can't be read, or rows did not pass the checks; nothing was sent."""

    exit_code = ExitCode.INPUT
    code = "input"

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", problems: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.problems = list(problems)

    def as_json(self) -> dict[str, Any]:
        """Add the list of problems: {row_index, line, column, rule, hint}."""
        return {**super().as_json(), "problems": self.problems}


class CredentialsError(BhumanError):
    """Credentials are missing, incomplete or refused."""

    exit_code = ExitCode.CREDENTIALS
    code = "credentials"


class Refusal(BhumanError):
    """The program declined to spend: `code` says which guard did."""

    exit_code = ExitCode.REFUSED
    code = "not_confirmed"


class Declined(BhumanError):
    """A person said no at a question: nothing was done, and nothing is wrong."""

    exit_code = ExitCode.OK
    code = "declined"


class ServiceDown(BhumanError):
    """No connection, or no good answer for too long; nothing uncertain is left behind."""

    exit_code = ExitCode.DOWN
    code = "service_down"


class JournalFault(StrEnum):
    """What is wrong with a journal that can't be used."""

    FULL = "full"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    MOVED = "moved"
    NEWER = "newer"
    PROMISE = "promise"  # a rule of the schema would be broken
    GONE = "gone"  # no connection to its server
    OTHER = ""


PASSING_FAULTS = frozenset({JournalFault.FULL, JournalFault.LOCKED, JournalFault.GONE, JournalFault.OTHER})
"""Faults that may pass while a program waits."""


class JournalError(BhumanError):
    """The journal can't be opened, read or written, or a transition met a state it does not start from."""

    exit_code = ExitCode.DOWN
    code = "journal"

    def __init__(
        self, message: str, *, hint: str = "bhuman doctor", code: str = "", fault: JournalFault = JournalFault.OTHER
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.fault = fault


class NotFinished(BhumanError):
    """Rows are still waiting or unsent."""

    exit_code = ExitCode.NOT_FINISHED
    code = "not_finished"


class InDoubtError(BhumanError):
    """A paid request may have been accepted; a person decides."""

    exit_code = ExitCode.IN_DOUBT
    code = "in_doubt"


class ApiError(BhumanError):
    """The service answered a GET or an administrative request with a failure.

    status: the HTTP status, or the envelope's `code` where that is the failure.
    detail: the server's own words, made harmless, or "".
    """

    exit_code = ExitCode.ROWS_FAILED
    code = "api"

    def __init__(self, message: str, *, status: int, detail: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.detail = detail
        if status in {401, 403}:
            self.exit_code = ExitCode.CREDENTIALS
            self.code = "credentials"
        elif status == 429 or 500 <= status < 600:  # an envelope's own code may be any number, as 1001
            self.exit_code = ExitCode.DOWN
            self.code = "service_down"

    def as_json(self) -> dict[str, Any]:
        """Add the HTTP status."""
        return {**super().as_json(), "status": self.status}
