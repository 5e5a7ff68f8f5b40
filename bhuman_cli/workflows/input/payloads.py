"""Payloads of integrations, from options or JSON, as rows that a run can send. Sends nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli import amounts, domain, ids
from bhuman_cli.domain import Background, RenderSpec, Row, RowState, TargetKind
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table.checks import backgrounds, rules
from bhuman_cli.table.checks import problems as table_problems

_PREFIX: Final = "/api/ai_studio/pipeline/"
_COMMON: Final = frozenset({"variables", "names", "callback_url", "generation_mode", "infinitetalk_quality"})
_SCENES: Final = frozenset({"assets", "backgrounds", "enable_lipsync"})
_MODES: Final = ("keep_original", "full_script")


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One payload shape. path: "" where it is the target's own. shapes: `ordered`, `object`.

    Source: API contract, 2.1 to 2.5.
    """

    name: str
    kind: TargetKind
    path: str
    shapes: tuple[str, ...]
    fields: frozenset[str]
    is_documented: bool = True

    @property
    def id_field(self) -> str:
        """Return the name of the target's id in the payload."""
        return "campaign_id" if self.kind is TargetKind.CAMPAIGN else "video_instance_id"


INTEGRATIONS: Final = {
    integration.name: integration
    for integration in (
        Integration(name="campaign", kind=TargetKind.CAMPAIGN, path="", shapes=("ordered",), fields=_COMMON | _SCENES),
        Integration(
            name="zapier", kind=TargetKind.CAMPAIGN, path=f"{_PREFIX}zapier", shapes=("ordered",), fields=_COMMON
        ),
        Integration(
            name="pabbly", kind=TargetKind.CAMPAIGN, path=f"{_PREFIX}pabbly", shapes=("object",), fields=_COMMON
        ),
        Integration(
            name="leadr",
            kind=TargetKind.CAMPAIGN,
            path=f"{_PREFIX}leadr",
            shapes=("ordered", "object"),
            fields=_COMMON,
            is_documented=False,
        ),
        Integration(name="sample", kind=TargetKind.INSTANCE, path="", shapes=("ordered",), fields=_COMMON),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One request's content. rows: values in the order of the variables; assets: one tuple a row, or ()."""

    integration: Integration
    api_id: str
    variables: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    assets: tuple[tuple[str, ...], ...] = ()
    backgrounds: tuple[Background, ...] = ()
    generation_mode: str = "keep_original"
    lipsync: bool | None = None
    quality: str | None = None
    callback_url: str = ""
    as_object: bool = False

    @property
    def spec(self) -> RenderSpec:
        """Return what shapes every row's video."""
        return RenderSpec(
            variables=self.variables,
            backgrounds=self.backgrounds,
            generation_mode=self.generation_mode,
            lipsync=self.lipsync,
            quality=self.quality,
        )

    @property
    def digest(self) -> str:
        """Return a hash of everything that is asked for."""
        scenes = [background.as_json() for background in self.backgrounds]
        target: list[Any] = [self.integration.name, self.api_id, self.generation_mode, self.lipsync]
        target += [self.quality] if self.quality is not None else []
        content = json.dumps([target, self.variables, self.rows, self.assets, scenes])
        return hashlib.sha256(content.encode()).hexdigest()

    def domain_rows(self) -> list[Row]:
        """Return the rows as a run takes them."""
        assets = self.assets or ((),) * len(self.rows)
        return [
            Row(
                row_index=number,
                line=number + 1,
                cells=values,
                values=values,
                assets=row_assets,
                state=RowState.PENDING,
            )
            for number, (values, row_assets) in enumerate(zip(self.rows, assets, strict=True))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadOptions:
    """What stands on the command line, "" and () where nothing does."""

    api_id: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    shape: str = ""
    callback_url: str = ""
    generation_mode: str = ""


def read(integration: Integration, payload: Mapping[str, Any] | None, options: PayloadOptions) -> Payload:
    """Return the order that a payload or the options describe. Options complete a payload, they never contradict it.

    Raises:
        UsageError: a field is missing, unknown, contradictory, or of the wrong kind.
    """
    body = dict(payload or {})
    _refuse_unknown(integration, body)
    is_object = _shape(integration, body, options) == "object"
    variables, rows = _matrix(integration, body, options, is_object=is_object)
    backgrounds = _backgrounds(body.get("backgrounds"))
    mode = _mode(body.get("generation_mode"), options.generation_mode)
    return Payload(
        integration=integration,
        api_id=_target(integration, body, options),
        variables=variables,
        rows=rows,
        assets=_assets(body.get("assets"), rows=len(rows), columns=len(backgrounds)),
        backgrounds=backgrounds,
        generation_mode=mode,
        quality=_quality(body.get("infinitetalk_quality"), mode),
        lipsync=_lipsync(body.get("enable_lipsync")),
        callback_url=_text(body, "callback_url") or options.callback_url,
        as_object=is_object,
    )


def check(order: Payload, *, loopback_base: bool) -> list[str]:
    """Return the warnings about an order that passes the checks of `render`.

    Raises:
        InputError: it does not pass; with every problem.
    """
    names = rules.column_rules(order.variables, order.variables)
    problems = [*backgrounds.overlap_problems(order.backgrounds)]
    if order.callback_url and (wrong := backgrounds.callback_problem(order.callback_url, loopback_base=loopback_base)):
        problems.append(wrong)
    for number, values in enumerate(order.rows):
        problems += [
            # The hints of the rules name options of `render`.
            table_problems.Problem(row_index=number, line=None, column=variable, rule=rule, severity=severity)
            for variable, rule, _, severity in rules.check_values(names, values, values, {})
        ]
    wrong_ones = [problem for problem in problems if problem.severity == "error"]
    if wrong_ones:
        count = amounts.show(len(wrong_ones), "problem")
        raise InputError(
            f"{count}, nothing was sent: {_said(wrong_ones[0])}",
            hint=f"bhuman trigger {order.integration.name} --help",
            problems=[problem.as_json() for problem in wrong_ones],
        )
    return [_said(problem) for problem in problems]


def _said(problem: table_problems.Problem) -> str:
    place = f"row {problem.row_index}, variable {problem.column}: " if problem.row_index is not None else ""
    return f"{place}{problem.rule}"


def _refuse_unknown(integration: Integration, body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - integration.fields - {integration.id_field})
    if unknown:
        route = integration.path or ("pipeline/campaign" if integration.kind is TargetKind.CAMPAIGN else "try_sample")
        raise UsageError(
            f"{integration.name} is not known to take the field {unknown[0][:40]!r}",
            hint=f"bhuman api POST {route} --data FILE",
        )


def _target(integration: Integration, body: Mapping[str, Any], options: PayloadOptions) -> str:
    named = _text(body, integration.id_field)
    targets = {ids.of_kind(text, integration.kind.value) for text in (named, options.api_id) if text}
    if not targets:
        raise UsageError(f"no {integration.id_field} is given", hint=f"bhuman trigger {integration.name} --help")
    if len(targets) > 1:
        raise UsageError(f"--data names another {integration.id_field} than the command line")
    return targets.pop()


def _shape(integration: Integration, body: Mapping[str, Any], options: PayloadOptions) -> str:
    shapes = {"object" if isinstance(body["variables"], Mapping) else "ordered"} if "variables" in body else set()
    shapes |= {options.shape} if options.shape else set()
    if len(shapes) > 1:
        raise UsageError("--data has another shape than --shape")
    shape = shapes.pop() if shapes else integration.shapes[0]
    if shape not in integration.shapes:
        takes = "an object of names and values" if "object" in integration.shapes else "a list, with values in `names`"
        raise UsageError(f"{integration.name} takes `variables` as {takes}")
    return shape


def _matrix(
    integration: Integration, body: Mapping[str, Any], options: PayloadOptions, *, is_object: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    if options.pairs and ("variables" in body or "names" in body):
        raise UsageError("give the values with --set or in --data, not both")
    names: Any
    rows: Any
    if options.pairs:
        names, rows = [name for name, _ in options.pairs], [[value for _, value in options.pairs]]
    elif "variables" not in body:
        raise UsageError("give the values with --set or --data", hint=f"bhuman trigger {integration.name} --help")
    elif is_object:
        if "names" in body:
            raise UsageError("`names` goes with a list of variables, not with an object")
        names, rows = list(body["variables"]), [list(body["variables"].values())]
    else:
        names, rows = body["variables"], body.get("names")
    return _checked_names(names), _checked_rows(rows, len(names))


def _checked_names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise UsageError("`variables` must be names, at least one and none of them blank")
    trimmed = tuple(name.strip() for name in names)
    if len(set(trimmed)) != len(trimmed):
        raise UsageError("a variable is named twice")
    return trimmed


def _checked_rows(rows: Any, width: int) -> tuple[tuple[str, ...], ...]:
    if not isinstance(rows, list) or not rows:
        raise UsageError("`names` must be a list of rows, at least one")
    if len(rows) > domain.MAX_ROWS_PER_REQUEST:
        raise UsageError(f"one request holds at most {domain.MAX_ROWS_PER_REQUEST:,} rows", hint="bhuman render FILE")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width or not all(isinstance(value, str) for value in row):
            raise UsageError(f"row {number} of `names` must be {width} texts, one for each variable")
    return tuple(tuple(value.strip(rules.EDGES) for value in row) for row in rows)


def _assets(value: Any, *, rows: int, columns: int) -> tuple[tuple[str, ...], ...]:
    if value is None and columns == 0:
        return ()
    if not isinstance(value, list) or len(value) != rows:
        raise UsageError("`assets` must have one list for each row")
    urls = []
    for number, row in enumerate(value):
        if not isinstance(row, list) or len(row) != columns:
            raise UsageError(f"row {number} of `assets` must have one address for each background")
        urls.append(tuple(_asset(number, cell) for cell in row))
    return tuple(urls)


def _asset(number: int, value: Any) -> str:
    text = "" if value is None else value
    if not isinstance(text, str):
        raise UsageError(f"row {number} of `assets` holds something that is no address")
    if not text.strip():
        return ""
    url, rule = rules.asset_url(text.strip())
    if rule:
        raise UsageError(f"row {number} of `assets`: {rule}")
    return url


def _backgrounds(value: Any) -> tuple[Background, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UsageError("`backgrounds` must be a list")
    return tuple(_background(number, item) for number, item in enumerate(value))


def _background(number: int, item: Any) -> Background:
    if not isinstance(item, Mapping) or set(item) - {"name", "start", "end", "kind", "config"}:
        raise UsageError(f"background {number} must be an object of name, start, end, kind and config")
    start, end, kind, config = (item.get(name) for name in ("start", "end", "kind", "config"))
    is_time = all(isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at) for at in (start, end))
    if not is_time or not isinstance(kind, str) or not isinstance(config, Mapping):
        raise UsageError(f"background {number} needs start and end in seconds, a kind and a config")
    return Background(start=start, end=end, kind=kind, config=dict(config), name=str(item.get("name") or ""))  # type: ignore[arg-type] # checked above


def _mode(value: Any, wished: str) -> str:
    # Missing or blank means keep_original. Source: API contract, 2.1.
    mode = value or wished or _MODES[0]
    if mode not in _MODES:
        raise UsageError(f"generation_mode must be {' or '.join(_MODES)}")
    return str(mode)


def _quality(value: Any, mode: str) -> str | None:
    if value is None:
        return None
    if value not in {"standard", "premium"}:
        raise UsageError("infinitetalk_quality must be standard or premium")
    require_quality_fits(str(value), mode, "infinitetalk_quality")
    return str(value)


def require_quality_fits(quality: str | None, mode: str, name: str) -> None:
    """Refuse a quality that the service takes with another mode only. Source: API contract, 2.1.

    Raises:
        UsageError: the mode is not full_script.
    """
    if quality is not None and mode != "full_script":
        raise UsageError(f"{name} {quality} is only for generation mode full_script, not {mode}")


def _lipsync(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise UsageError("enable_lipsync must be true or false")


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip()
    raise UsageError(f"{name} must be a text")
