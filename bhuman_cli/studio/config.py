"""Configuration of a studio, and how its time moves. Knows nothing of the web or of disks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

from bhuman_cli.errors import UsageError
from bhuman_cli.net import hosts
from bhuman_cli.studio.faults.grammar import Fault

CAMPAIGN_ID: Final = "10ca1000-0000-4000-8000-000000000001"
INSTANCE_ID: Final = "10ca1000-0000-4000-8000-000000000002"
"""The campaign and the video instance every new studio starts with; fixed, so that a README line can be pasted."""

EXAMPLE_ID: Final = "10ca1000-0000-4000-8000-000000000003"
"""A video that was never ordered and stands in no list: what the document's examples show."""

PROJECT_IDS: Final = ("10ca1000-0000-4000-8000-0000000000a1", "10ca1000-0000-4000-8000-0000000000a2")
WORKSPACE_ID: Final = "10ca1000-0000-4000-8000-0000000000b1"
USER_ID: Final = "10ca1000-0000-4000-8000-0000000000c1"
FOLDER_ID: Final = "10ca1000-0000-4000-8000-0000000000d1"
VIDEO_ID: Final = "10ca1000-0000-4000-8000-0000000000e1"
ACTOR_ID: Final = "10ca1000-0000-4000-8000-0000000000f1"
"""The one user, with one source video of one actor: records name them, and nothing depends on them."""


@dataclass(frozen=True, slots=True)
class Advance:
    """How the states that a client sees move towards the end.

    kind: `real` as the work goes; `reads`: a video is unfinished for its first `amount` reads;
        `seconds`: it is unfinished for `amount` seconds after it was accepted.
    """

    kind: Literal["real", "reads", "seconds"]
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `real`, `reads:N` or `seconds:S`.

        Raises:
            UsageError: anything else.
        """
        if text == "real":
            return cls("real")
        if match := re.fullmatch(r"reads:(\d{1,6})", text):
            return cls("reads", int(match[1]))
        if match := re.fullmatch(r"seconds:(\d{1,6}(?:\.\d{1,6})?)", text):
            return cls("seconds", float(match[1]))
        raise UsageError(f"--advance {text}: expected real, reads:N or seconds:S", hint="--advance reads:3")

    def cap(self, status: str, *, reads: int, age_s: float) -> str:
        """Return the status to show for work that is really at `status`.

        reads: how often this video was shown before. age_s: seconds since it was accepted.
        """
        if self.kind == "real" or self.amount <= 0:
            return status
        share = (reads if self.kind == "reads" else age_s) / self.amount
        if share >= 1:
            return status
        allowed = min(int(share * 3), 2)
        return UNFINISHED[min(allowed, UNFINISHED.index(status) if status in UNFINISHED else 2)]


UNFINISHED: Final = ("queued", "preparing", "processing")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioConfig:
    """Everything a studio is started with.

    home: folder of the queue, the media and the worker token; made if missing.
    port: 0 takes a free one. advance: see Advance.parse. workers: 0 means one per core.
    credits: a pretend balance; None never runs out. keys: (id, secret) pairs; bearers: tokens.
    faults: rehearsed misbehaviour; none by default.
    access: who may do what: lists for bearers only (strict), for keys too, as the 2023 service allowed (open), or
        nothing but what the newest document promises: keys only order videos (documented).
    render: whether videos are made, or only declared made.
    links: `file` makes result URLs `file:` URIs in home/media.
    any_target: every campaign or instance id means the template, as `--local` wants it.
    template: a template file for the first campaign; None is the built-in presenter.
    allow_remote: bind to, and call back, addresses beyond this machine.
    allow_private: assets may lie on this machine or its network.
    executor: `dask://host:port` of a cluster that renders instead of processes here.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 0
    access: Literal["strict", "open", "documented"] = "strict"
    render: Literal["real", "instant"] = "real"
    advance: str = "real"
    workers: int = 0
    credits: int | None = None
    keys: tuple[tuple[str, str], ...] = (("local", "local"),)
    bearers: tuple[str, ...] = ("local",)
    faults: tuple[Fault, ...] = ()
    links: Literal["http", "file"] = "http"
    any_target: bool = False
    template: Path | None = None
    allow_remote: bool = False
    allow_private: bool = False
    executor: str | None = None
    pace: Advance = field(init=False)

    def __post_init__(self) -> None:
        """Check what would otherwise fail late, or open a door.

        Raises:
            UsageError: a setting has a value that it can't have.
        """
        _require("access", self.access, ("strict", "open", "documented"))
        _require("render", self.render, ("real", "instant"))
        _require("links", self.links, ("http", "file"))
        object.__setattr__(self, "pace", Advance.parse(self.advance))
        # They are kept with what was accepted, and used again from another working directory.
        object.__setattr__(self, "home", self.home.absolute())
        object.__setattr__(self, "template", self.template.absolute() if self.template else None)
        if not hosts.is_loopback(self.host) and not self.allow_remote:
            raise UsageError(
                f"--host {self.host}: its keys are no secret, so it serves only this machine without --allow-remote",
                hint="bhuman studio serve --host 127.0.0.1",
            )
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port}: a port is between 0 and 65535, and 0 takes a free one")
        if self.workers < 0 or (self.credits is not None and self.credits < 0):
            raise UsageError("--workers and --credits can't be negative")


def _require(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"--{name} {value}: expected {', '.join(choices[:-1])} or {choices[-1]}")
