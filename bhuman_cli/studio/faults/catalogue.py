"""Catalogue of rehearsable faults, as `bhuman studio faults` prints it. No behaviour.

None of these answers is documented by BHuman but 400, 401 and 422: they are invented from what HTTP services do.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ERROR_SHAPES: Final = "error|message|result-error|result|detail|plain|html|empty|in-200"
QUOTA_SHAPES: Final = "business|result-error|result|message|402|403|400|429|partly"
MOMENT: Final = {"after-acceptance": "flag", "before-acceptance": "flag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that can go wrong.

    where: `request` (any path), `callback` or `render`.
    options: name -> `number`, `text`, `flag`, or the allowed words with | between.
    """

    name: str
    where: str
    meaning: str
    options: Mapping[str, str] = field(default_factory=dict)
    example: str = ""


ACTIONS: Final = (
    Action(
        name="status",
        where="request",
        meaning="answer with this HTTP status (write the number itself); before the request is looked at, unless told",
        options={
            "code": "number",
            "retry-after": "text",
            "shape": ERROR_SHAPES,
            "message": "text",
            "location": "text",
            **MOMENT,
        },
        example="GET generated_video_by_id: 429 retry-after=1 times=3",
    ),
    Action(
        name="drop",
        where="request",
        meaning="close the connection without an answer; nothing accepted, or (after-acceptance) all accepted",
        options={**MOMENT, "reset": "flag"},
        example="POST pipeline/campaign#2: drop-after-acceptance",
    ),
    Action(
        name="hang",
        where="request",
        meaning="never answer, keep the connection open",
        options=MOMENT,
        example="POST pipeline/campaign: hang after-acceptance",
    ),
    Action(
        name="slow",
        where="request",
        meaning="answer well, but late",
        options={"seconds": "number"},
        example="GET *: slow seconds=2",
    ),
    Action(
        name="html",
        where="request",
        meaning="a web page with status 200 where JSON is expected, as a proxy's sign-in page",
        options=MOMENT,
        example="POST pipeline/campaign: html after-acceptance",
    ),
    Action(
        name="half-headers", where="request", meaning="accept, then close in the middle of the answer's header lines"
    ),
    Action(
        name="truncated",
        where="request",
        meaning="accept, announce the whole answer, send a part of it and close",
        options={"bytes": "number"},
        example="POST pipeline/campaign: truncated bytes=60",
    ),
    Action(
        name="cut-json",
        where="request",
        meaning="accept; a complete HTTP answer whose JSON stops in the middle",
        options={"bytes": "number"},
    ),
    Action(name="empty-body", where="request", meaning="accept; 200 with no body"),
    Action(name="garbage", where="request", meaning="accept; 200 with bytes that are neither UTF-8 nor JSON"),
    Action(
        name="envelope",
        where="request",
        meaning="accept; another envelope around a good result",
        options={"shape": "bare|no-code|list|result-list|videos|string", "code": "number"},
        example="GET generated_video_by_id: envelope shape=bare",
    ),
    Action(
        name="partly-accepted",
        where="request",
        meaning="accept only the first rows (half of them), then close, or answer with their ids",
        options={"rows": "number", "answer": "drop|ids|error"},
        example="POST pipeline/campaign#1: partly-accepted rows=3 answer=drop",
    ),
    Action(name="short-ids", where="request", meaning="accept all; leave out the last ids", options={"n": "number"}),
    Action(name="extra-ids", where="request", meaning="accept all; add ids that nobody knows", options={"n": "number"}),
    Action(name="shuffled-ids", where="request", meaning="accept all; the ids in another order"),
    Action(name="repeated-ids", where="request", meaning="accept all; the first id stands in the second's place too"),
    Action(name="foreign-ids", where="request", meaning="accept all; answer with ids that belong to earlier requests"),
    Action(name="malformed-ids", where="request", meaning="accept all; ids that are no UUIDs, null among them"),
    Action(
        name="quota",
        where="request",
        meaning="refuse for want of credits, in one of the shapes such a refusal could have",
        options={"shape": QUOTA_SHAPES},
        example="POST pipeline/campaign#3+: quota shape=result-error",
    ),
    Action(
        name="error-body",
        where="request",
        meaning="the same refusals (400, 401, 404, 422), with another body",
        options={"shape": ERROR_SHAPES},
        example="POST *: error-body shape=plain",
    ),
    Action(
        name="row-index",
        where="request",
        meaning="records with row_index null, counted from 1, or missing",
        options={"is": "null|one-based|missing|reversed"},
        example="GET *: row-index is=null",
    ),
    Action(
        name="text",
        where="request",
        meaning="records with text null, missing, or written in the service's own way",
        options={"is": "null|missing|reformatted|joined"},
        example="GET *: text is=reformatted",
    ),
    Action(
        name="status-word",
        where="request",
        meaning="another word for `succeeded`: completed (default), or one given",
        options={"word": "text"},
        example="GET *: status-word word=COMPLETED",
    ),
    Action(
        name="unknown-status",
        where="request",
        meaning="another render state, unfinished, with a word that nobody documented",
        options={"word": "text"},
    ),
    Action(
        name="missing",
        where="request",
        meaning="finished records without a field",
        options={"field": "share_url|url|thumbnail|gif|media|message|execution_name|created_at"},
        example="GET *: missing field=share_url",
    ),
    Action(
        name="page-field",
        where="request",
        meaning="the page under an older name",
        options={"is": "vimeo_url|video_url"},
    ),
    Action(
        name="dates",
        where="request",
        meaning="records whose times have no zone, a blank for the T, or are seconds since 1970",
        options={"is": "naive|blank|epoch"},
    ),
    Action(name="foreign-record", where="request", meaning="by-id answers with some other generation's record"),
    Action(
        name="unknown-id",
        where="request",
        meaning="what an unknown id gets: a null result, 400 or (default) 404",
        options={"is": "null|400|404"},
        example="GET generated_video_by_id: unknown-id is=null",
    ),
    Action(
        name="list-lag",
        where="request",
        meaning="lists do not show the newest videos yet: those of the last seconds, or the last n",
        options={"seconds": "number", "n": "number"},
        example="GET generated_video_by_campaign_id: list-lag seconds=5",
    ),
    Action(name="list-newest-first", where="request", meaning="lists in the opposite order"),
    Action(name="late", where="callback", meaning="sent so many seconds later", options={"seconds": "number"}),
    Action(
        name="repeat",
        where="callback",
        meaning="sent again although it was taken",
        options={"n": "number"},
        example="callback#1: repeat n=2",
    ),
    Action(name="reorder", where="callback", meaning="whatsapp.ready before the completion, later rows before earlier"),
    Action(name="lost", where="callback", meaning="never sent"),
    Action(name="forged", where="callback", meaning="preceded by one that claims success for an unknown id"),
    Action(
        name="shape",
        where="callback",
        meaning="the payload of another year",
        options={"is": "current|website|2023"},
        example="callback: shape is=website",
    ),
    Action(
        name="fail",
        where="render",
        meaning="the render ends as failed",
        options={"message": "text"},
        example='render text=Bob: fail message="no face found"',
    ),
    Action(name="stuck", where="render", meaning="the render never ends", example="render row=3: stuck"),
)


def find(name: str, path: str) -> Action | None:
    """Return the action called so for a path (`callback`, `render` or a request's)."""
    where = path if path in {"callback", "render"} else "request"
    return next((action for action in ACTIONS if action.name == name and action.where == where), None)


def spell(action: Action) -> str:
    """Return an action with its options as they are written."""
    words = [
        f"[{key}]" if kind == "flag" else f"[{key}={'N' if kind == 'number' else 'TEXT' if kind == 'text' else kind}]"
        for key, kind in action.options.items()
        if key != "code" or action.name != "status"
    ]
    return " ".join(["NNN" if action.name == "status" else action.name, *words])


_HEAD: Final = """\
A fault is one line:

    [METHOD ]PATH[#N|#N-M|#N+]: ACTION [key=value …]

PATH is without /api/ai_studio/; * stands for anything. #N meets the N-th such request only, #N+ all from there on;
without it every one. times=K stops after K. Give it as `bhuman studio serve --fault '…'` (repeatable), or put lines
into a file for --faults. `render row=N` and `render text=VALUE` choose the rows whose render goes wrong.
Faults are off by default, and invented: BHuman documents 400, 401 and 422 only."""

_TITLES: Final = {
    "request": "On requests",
    "callback": "On callbacks (PATH is `callback`)",
    "render": "On renders (PATH is `render`)",
}


def text() -> str:
    """Return the whole manual page."""
    parts = [_HEAD]
    for where, title in _TITLES.items():
        parts.append(f"\n{title}:\n")
        parts.extend(_entry(action) for action in ACTIONS if action.where == where)
    return "\n".join(parts)


def _entry(action: Action) -> str:
    spelled = textwrap.fill(spell(action), 108, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    meaning = textwrap.fill(action.meaning, 108, initial_indent="      ", subsequent_indent="      ")
    example = f"\n      e.g. {action.example}" if action.example else ""
    return f"{spelled}\n{meaning}{example}"
