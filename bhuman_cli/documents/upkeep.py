"""Shapes of the documents about accounts, settings, the journal and the service's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from typing import NotRequired, TypedDict
else:
    from bhuman_cli.documents.typed import NotRequired, TypedDict


class SettingShown(TypedDict):
    """A setting and who said so."""

    name: str
    value: Any
    source: str


class FindingShown(TypedDict):
    """One thing that was looked at."""

    check: str
    verdict: str
    detail: str
    hint: str


class Doctor(TypedDict):
    """`doctor`."""

    schema: Literal["bhuman.doctor/1"]
    versions: dict[str, str]
    settings: list[SettingShown]
    findings: list[FindingShown]
    exit_code: int


class Difference(TypedDict):
    """Where the service's own description departs from what this program does. breaks: a request would fail."""

    route: str
    what: str
    breaks: bool


class Contract(TypedDict):
    """`doctor --contract`."""

    schema: Literal["bhuman.contract/1"]
    document: str
    differences: list[Difference]


class Login(TypedDict):
    """`login`. kept_in: the keyring or file. checked: works, closed, unknown."""

    schema: Literal["bhuman.login/1"]
    profile: str
    service: str
    kept_in: str
    checked: str


class Logout(TypedDict):
    """`logout`. forgotten: there was something."""

    schema: Literal["bhuman.logout/1"]
    profile: str
    service: str
    forgotten: bool


class CheckedCredential(TypedDict):
    """A credential, asked of the service."""

    kind: Literal["basic", "bearer"]
    verdict: str
    detail: NotRequired[str]


class Whoami(TypedDict):
    """`whoami`. source: where the credentials come from; the key's id is shortened."""

    schema: Literal["bhuman.whoami/1"]
    service: str
    profile: str
    source: str
    key_id: str
    credentials: list[CheckedCredential]


class Trust(TypedDict):
    """`trust FILE`: what counts from now on, as long as the file keeps its hash."""

    schema: Literal["bhuman.trust/1"]
    file: str
    hash: str
    settings: list[str]


class JournalFacts(TypedDict):
    """`journal show`."""

    schema: Literal["bhuman.journal-show/1"]
    journal: str
    version: int
    bytes: int
    counts: dict[str, int]
    last_write: str | None
    moved_to: str | None


class JournalCheck(TypedDict):
    """`journal check`. broken: the promises that its content breaks."""

    schema: Literal["bhuman.journal-check/1"]
    journal: str
    is_sound: bool
    broken: list[str]


class JournalCopy(TypedDict):
    """`journal copy`: where it is now, and the rows of each table."""

    schema: Literal["bhuman.journal-copy/1"]
    journal: str
    rows: dict[str, int]


class JournalAdded(TypedDict):
    """`journal add`."""

    schema: Literal["bhuman.journal-add/1"]
    journal: str
    payments: int
    in_doubt: int


class JournalBackup(TypedDict):
    """`journal backup`."""

    schema: Literal["bhuman.journal-backup/1"]
    journal: str
    backup: str


class Campaigns(TypedDict):
    """`campaigns list`: the service's records as they are. total: of all, where the service says."""

    schema: Literal["bhuman.campaigns/1"]
    total: int | None
    campaigns: list[Any]


class Instances(TypedDict):
    """`instances list`: the service's records as they are."""

    schema: Literal["bhuman.instances/1"]
    total: int | None
    instances: list[Any]


class Webhooks(TypedDict):
    """`webhooks list`: the service's records as they are."""

    schema: Literal["bhuman.webhooks/1"]
    total: int | None
    webhooks: list[Any]


class SpeakeasyProjects(TypedDict):
    """`import-speakeasy` without an id: the service's records as they are."""

    schema: Literal["bhuman.speakeasy_projects/1"]
    projects: list[Any]
