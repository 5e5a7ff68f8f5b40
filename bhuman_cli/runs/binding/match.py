"""Proof that an id belongs to its row. Pure: records and places in, bindings out; position proves nothing.

A record speaks by `text` (its values), else by `row_index`. What it says is kept as a word in the journal, with its
index behind a colon where it has one: `own` (the row's values), `fold` (the row's in another spelling), `other@<place>`
(another row's of the same request), `odd` (no row's, but maybe this one's in a spelling unheard of), `alien` (other
values), `index` (no text), `none` (nothing to go by), `foreign` (another campaign's). A person's word stands above all
records: `person` (the place is right) or `given up`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli.domain import Binding, Generation, GenerationId, Status
from bhuman_cli.journal.generations import ClaimFacts
from bhuman_cli.runs import identity
from bhuman_cli.runs.binding import spelling
from bhuman_cli.runs.binding.spelling import Rows

_NEITHER: Final = -(10**9)  # a base that no index has


DECIDED: Final = frozenset({"person", "given up"})
"""Words that no record replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one record says to bind by. text, text_key: None where it says no values."""

    generation_id: GenerationId
    text_key: bytes | None
    api_row_index: int | None
    text: tuple[str, ...] | None = None


def as_record(generation: Generation) -> Record:
    """Take from a record what it says to bind by."""
    key = identity.text_key(generation.text) if generation.text is not None else None
    return Record(
        generation_id=generation.id, text_key=key, api_row_index=generation.api_row_index, text=generation.text
    )


def rows_of(facts: Iterable[ClaimFacts]) -> Rows:
    """Return a request's rows, ready to be compared with texts."""
    return spelling.rows_of((fact.text_key, fact.values) for fact in facts)


def classify(record: Record, fact: ClaimFacts, facts: Iterable[ClaimFacts], rows: Rows, *, foreign: bool) -> str:
    """Say in a word what a record tells about the row it is bound to.

    facts, rows: of the whole request. foreign: the record names another campaign or instance.
    """
    if foreign:
        return "foreign"
    index = "" if record.api_row_index is None else f":{record.api_row_index}"
    if record.text is None or record.text_key is None or not any(map(spelling.fold, record.text)):
        return f"index{index}" if index else "none"
    if record.text_key == fact.text_key:
        return f"own{index}"
    keys = frozenset({record.text_key}) if record.text_key in rows.keys else rows.matching(record.text)
    if keys == {fact.text_key}:
        return f"fold{index}"
    if keys and fact.text_key not in keys:
        place = next(item.place for item in facts if item.text_key in keys)
        return f"other@{place}{index}"
    is_spelt = fact.values is None or spelling.may_spell(record.text, fact.values)
    return f"odd{index}" if is_spelt else f"alien{index}"


def decide(facts: Sequence[ClaimFacts], *, speaks_text: bool = False) -> dict[int, Binding]:
    """Decide, for every claim of one request whose record was seen, how surely it is bound; pending ones are left out.

    speaks_text: whether other requests have shown that this service repeats a row's values.

    - `own` and `fold` are confirmed; `other` and `foreign` are conflicts.
    - An index is confirmed where it stands at its place by the numbering that the request's records prove (from
      nought or from one), and is a conflict where it points elsewhere. Without a numbering it says nothing.
    - `odd`: a text that equals no row is no conflict: the position stands once all others have said theirs.
    - `alien`: the same, unless this service is known to repeat a row's values; then it is somebody else's video.
    - `none`: the position stands.
    - No position stands where a record proves that this request's ids came in another order.
    """
    bound = [fact for fact in facts if fact.generation_id is not None]
    kinds = {_kind(fact.seen) for fact in bound}
    numbering = _numbering(bound, rows=1 + max((fact.place for fact in facts), default=0))
    all_said = all(_has_said(fact) for fact in bound)
    speaks_text = speaks_text or not kinds.isdisjoint({"own", "fold", "other"})
    decided: dict[int, Binding] = {}
    for fact in bound:
        binding = _binding(fact, numbering, all_said=all_said)
        if _kind(fact.seen) == "alien" and (speaks_text or not all_said):
            binding = Binding.CONFLICT if speaks_text else None
        if binding is Binding.POSITION and "other" in kinds:
            binding = Binding.CONFLICT
        if binding is not None:
            decided[fact.claim_id] = binding
    return decided


def _kind(word: str) -> str:
    return word.partition(":")[0].partition("@")[0]


def _has_said(fact: ClaimFacts) -> bool:
    """Say whether the record has said all it ever will about its row: `text` may be null until a video is finished."""
    kind = _kind(fact.seen)
    return bool(kind) and (kind not in {"none", "index"} or fact.status in {Status.SUCCEEDED, Status.FAILED})


@dataclass(frozen=True, slots=True)
class _Numbering:
    """What to subtract from a record's index to get a place: None while that is open, or where no index means one."""

    base: int | None
    is_open: bool = False


def _binding(fact: ClaimFacts, numbering: _Numbering, *, all_said: bool) -> Binding | None:
    kind, index = _kind(fact.seen), _index_of(fact.seen)
    match kind:
        case "own" | "fold":
            return Binding.CONFIRMED
        case "other" | "foreign":
            return Binding.CONFLICT
        case "odd" | "alien" | "index" | "none":
            if index is not None and numbering.base is not None:
                return Binding.CONFIRMED if index - fact.place == numbering.base else Binding.CONFLICT
            if index is not None and numbering.is_open:
                return None
            return Binding.POSITION if kind == "none" or all_said else None
    return None


def _numbering(facts: Sequence[ClaimFacts], *, rows: int) -> _Numbering:
    """Find how this service counts: by the records whose text proves their place, else by the indexes alone."""
    indexes = {fact.place: index for fact in facts if (index := _index_of(fact.seen)) is not None}
    proven = {
        index - fact.place
        for fact in facts
        if _kind(fact.seen) in {"own", "fold"} and (index := _index_of(fact.seen)) is not None
    }
    if proven:
        return _Numbering(proven.pop() if len(proven) == 1 and proven <= {0, 1} else None)
    shifts = {index - place for place, index in indexes.items()}
    all_seen = all(fact.seen for fact in facts)
    if not indexes or (
        len(indexes) > 1 and (len({*indexes.values()}) == 1 or (len(shifts) == 1 and not shifts <= {0, 1}))
    ):
        return _Numbering(None)  # none, the same for all, or counted over more than this request
    return _by_indexes(indexes, shifts, rows=rows, all_seen=all_seen)


def _by_indexes(indexes: Mapping[int, int], shifts: set[int], *, rows: int, all_seen: bool) -> _Numbering:
    """Find the numbering where no text proves it.

    An index 0 is certain proof of counting from nought, an index `rows` of counting from one. Without either, all must
    agree, and more than one must have spoken: two exchanged ids look like one that is counted from one. Where the
    records contradict each other every index is a conflict.
    """
    base = _certain_base(set(indexes.values()), rows)
    if base is not None and (all_seen or len(indexes) > 1 or shifts == {base}):
        return _Numbering(base)
    if shifts == {0} and (all_seen or len(indexes) > 1):
        return _Numbering(0)
    if not all_seen:
        return _Numbering(None, is_open=True)
    if len(indexes) == 1:
        return _Numbering(None)  # alone, it points nowhere
    return _Numbering(1 if shifts == {1} else _NEITHER)


def _certain_base(indexes: set[int], rows: int) -> int | None:
    if 0 in indexes and rows in indexes:
        return _NEITHER
    return 0 if 0 in indexes else 1 if rows in indexes else None


def _index_of(word: str) -> int | None:
    index = word.partition(":")[2]
    return int(index) if index else None


def match(facts: Sequence[ClaimFacts], records: Iterable[Record], *, rows: int) -> dict[int, GenerationId]:
    """Bind ids to places by what their records say, never by their order; what proves nothing stays unbound.

    facts: the places to fill. rows: how many the request had. Among rows with equal values any is right. Without
    `text`, indexes bind only where their base is certain.
    """
    distinct = {record.generation_id: record for record in records}
    places: dict[bytes, list[int]] = {}
    for fact in facts:
        places.setdefault(fact.text_key, []).append(fact.place)
    expected = rows_of(facts)
    pairs: dict[int, GenerationId] = {}
    exact = [record for record in distinct.values() if record.text_key in expected.keys]
    folded = [record for record in distinct.values() if record.text is not None and record not in exact]
    for record, keys in [
        *((record, frozenset({record.text_key})) for record in exact),
        *((record, expected.matching(record.text or ())) for record in folded),
    ]:
        waiting = places.get(key, []) if len(keys) == 1 and (key := next(iter(keys))) is not None else []
        if waiting:
            pairs[waiting.pop(0)] = record.generation_id
    if pairs or any(record.text is not None for record in distinct.values()):
        return pairs
    return _match_by_index([fact.place for fact in facts], distinct, rows)


def _match_by_index(
    places: Sequence[int], records: Mapping[GenerationId, Record], rows: int
) -> dict[int, GenerationId]:
    indexes = {record.api_row_index: key for key, record in records.items() if record.api_row_index is not None}
    if len(indexes) != len(records) or not indexes:
        return {}
    base = _certain_base(set(indexes), rows)
    if base is None:
        return {}
    return {index - base: key for index, key in indexes.items() if index - base in places}


def match_exactly(
    unbound: Mapping[int, Sequence[ClaimFacts]],
    records: Iterable[Record],
    *,
    respellings: frozenset[str] = frozenset(),
) -> dict[int, dict[int, GenerationId]]:
    """Bind candidates from a list to the unbound rows of doubtful requests: chunk → place → id.

    Only where every group of equal texts has exactly as many candidates as unbound rows over all these requests, so
    that somebody else's video of the same text is never taken; and only where those rows do not differ in what a
    record leaves out, their assets. A request with assets is bound only whole, by indexes that are one numbering.
    respellings: those that confirmed records of this target have shown; no other spelling of a text is believed.
    """
    wanted: dict[bytes, list[tuple[int, int]]] = {}
    identities: dict[bytes, set[bytes]] = {}
    respelled: dict[tuple[str, ...], bytes] = {}
    for chunk, facts in unbound.items():
        for fact in facts:
            wanted.setdefault(fact.text_key, []).append((chunk, fact.place))
            identities.setdefault(fact.text_key, set()).add(fact.identity)
            if respellings and fact.values is not None:
                respelled[spelling.respelled(fact.values, respellings)] = fact.text_key
    offered: dict[bytes, list[Record]] = {}
    for record in {record.generation_id: record for record in records}.values():
        key: bytes | None = record.text_key
        if key not in wanted and record.text is not None and respellings:
            key = respelled.get(spelling.respelled(record.text, respellings))
        if key in wanted and key is not None:
            offered.setdefault(key, []).append(record)
    pairs: dict[int, dict[int, GenerationId]] = {}
    for chunk, facts in unbound.items():
        keys = {fact.text_key for fact in facts}
        if all(len(offered.get(key, [])) == len(wanted[key]) and len(identities[key]) == 1 for key in keys):
            if any(fact.assets for fact in facts) and not _in_one_numbering(facts, offered):
                continue
            for fact in facts:
                record = min(offered[fact.text_key], key=lambda item: item.api_row_index != fact.place)
                offered[fact.text_key].remove(record)
                pairs.setdefault(chunk, {})[fact.place] = record.generation_id
                wanted[fact.text_key].remove((chunk, fact.place))
    return pairs


def match_given(
    facts: Sequence[ClaimFacts], records: Iterable[Record], *, respellings: frozenset[str] = frozenset()
) -> dict[int, GenerationId]:
    """Bind videos that a person named to unbound rows, by exact texts or respellings shown before: place → id.

    Of rows with equal values but other assets only the one at the record's own index is meant.
    """
    pairs: dict[int, GenerationId] = {}
    for record in records:
        fits = [fact for fact in facts if fact.place not in pairs and _is_text_of(record, fact, respellings)]
        if len({fact.identity for fact in fits}) > 1:
            fits = [fact for fact in fits if fact.place == record.api_row_index]
        if fits:
            pairs[min(fits, key=lambda fact: fact.place != record.api_row_index).place] = record.generation_id
    return pairs


def _is_text_of(record: Record, fact: ClaimFacts, respellings: frozenset[str]) -> bool:
    if record.text is None:
        return False
    if record.text_key == fact.text_key:
        return True
    if not respellings or fact.values is None:
        return False
    return spelling.respelled(record.text, respellings) == spelling.respelled(fact.values, respellings)


def _in_one_numbering(facts: Sequence[ClaimFacts], offered: Mapping[bytes, Sequence[Record]]) -> bool:
    """Say whether every row has a candidate at its own place, counted throughout from nought or from one."""
    return any(
        all(fact.place + base in {item.api_row_index for item in offered[fact.text_key]} for fact in facts)
        for base in (0, 1)
    )
