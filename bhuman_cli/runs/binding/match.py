"""Owns the proof that an id belongs to its row. Pure: records and places in, bindings out; position proves nothing.

A record speaks by `text` (its values), else by `row_index`. What it says is kept as a word in the journal:
`own` (the row's values), `other` (another row's of the same request), `odd` (no row's), `index:<n>` (no text, or an odd
one beside it), `none` (nothing to go by), `foreign` (another campaign's). A person's word stands above all records:
`person` (the place is right) or `given up`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli.domain import Binding, Generation, GenerationId, Status
from bhuman_cli.journal.generations import ClaimFacts
from bhuman_cli.runs import identity

_NEITHER: Final = -(10**9)  # a base that no index has


DECIDED: Final = frozenset({"person", "given up"})
"""Words that no record replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one record says to bind by. text_key: None where it says no values."""

    generation_id: GenerationId
    text_key: bytes | None
    api_row_index: int | None


def as_record(generation: Generation) -> Record:
    """Take from a record what it says to bind by."""
    key = identity.text_key(generation.text) if generation.text is not None else None
    return Record(generation_id=generation.id, text_key=key, api_row_index=generation.api_row_index)


def classify(record: Record, own: bytes, others: frozenset[bytes], *, is_foreign: bool = False) -> str:
    """Say in a word what a record tells about the row it is bound to.

    others: the text keys of the request's rows.
    """
    if is_foreign:
        return "foreign"
    if record.text_key == own:
        return "own"
    if record.text_key is not None and record.text_key in others:
        return "other"
    if record.text_key is not None:
        return "odd" if record.api_row_index is None else f"odd:{record.api_row_index}"
    return "none" if record.api_row_index is None else f"index:{record.api_row_index}"


def decide(facts: Sequence[ClaimFacts], *, speaks_text: bool = False) -> dict[int, Binding]:
    """Decide, for every claim of one request whose record was seen, how surely it is bound; pending ones are left out.

    speaks_text: whether other requests have shown that this service repeats a row's values word for word.

    - `own` is confirmed; `other` and `foreign` are conflicts.
    - `odd`: a conflict if any record of the request equals its row (then this one is somebody else's); once all have
      said theirs and none does, the service formats `text` its own way: the record speaks by its index, or not at all.
    - `index:<n>`: confirmed where n is the place, or the place + 1 throughout; else a conflict.
    - `none`: the position stands, unless a record proves that this request's ids came in another order.
    """
    words = {fact.claim_id: fact.seen for fact in facts if fact.generation_id is not None}
    bound = [fact for fact in facts if fact.generation_id is not None]
    speaks_text = speaks_text or any(word in {"own", "other"} for word in words.values())
    is_shuffled = any(word == "other" for word in words.values())
    all_seen = all(words.values())
    all_said = all(_has_said(fact) for fact in bound)
    base = _index_base(bound, rows=1 + max((fact.place for fact in facts), default=0), all_seen=all_seen)
    decided: dict[int, Binding] = {}
    for fact in bound:
        binding = _binding(fact, speaks_text=speaks_text, all_said=all_said, base=base)
        if binding is Binding.POSITION and is_shuffled:
            binding = Binding.CONFLICT
        if binding is not None:
            decided[fact.claim_id] = binding
    return decided


def _has_said(fact: ClaimFacts) -> bool:
    """Say whether the record has said all it ever will about its row: `text` may be null until a video is finished."""
    word = fact.seen.partition(":")[0]
    return bool(word) and (word not in {"none", "index"} or fact.status in {Status.SUCCEEDED, Status.FAILED})


def _binding(fact: ClaimFacts, *, speaks_text: bool, all_said: bool, base: int | None) -> Binding | None:
    match fact.seen.partition(":"):
        case ("own", _, _):
            return Binding.CONFIRMED
        case ("other" | "foreign", _, _):
            return Binding.CONFLICT
        case ("odd", _, index):
            return _odd(fact, index, speaks_text=speaks_text, all_said=all_said, base=base)
        case ("index", _, index):
            return _by_index(fact.place, int(index), base)
        case ("none", _, _):
            return Binding.POSITION
        case _:
            return None


def _odd(fact: ClaimFacts, index: str, *, speaks_text: bool, all_said: bool, base: int | None) -> Binding | None:
    if speaks_text:
        return Binding.CONFLICT
    if not all_said:
        return (
            None  # whether the service formats `text` its own way is known when the request's others have said theirs
        )
    return _by_index(fact.place, int(index), base) if index else Binding.POSITION


def _by_index(place: int, index: int, base: int | None) -> Binding | None:
    if base is None:
        return None
    return Binding.CONFIRMED if index - place == base else Binding.CONFLICT


def _index_base(facts: Sequence[ClaimFacts], *, rows: int, all_seen: bool) -> int | None:
    """Return what to subtract from a record's index to get a place: 0, or 1 where the service counts from one.

    An index 0 is certain proof of the one, an index `rows` of the other. Without either, all must agree, and more than
    one must have spoken: two exchanged ids look like one that is counted from one. None while that is open; _NEITHER
    where the records contradict each other, so that every index is a conflict.
    """
    indexes = {fact.place: _index_of(fact.seen) for fact in facts}
    given = {place: index for place, index in indexes.items() if index is not None}
    if not given:
        return None
    base = _certain_base(set(given.values()), rows)
    if base is not None:
        return base
    shifts = {index - place for place, index in given.items()}
    if shifts == {0} and (all_seen or len(given) > 1):
        return 0
    if not all_seen:
        return None
    return 1 if shifts == {1} and len(given) > 1 else _NEITHER


def _certain_base(indexes: set[int], rows: int) -> int | None:
    if 0 in indexes and rows in indexes:
        return _NEITHER
    return 0 if 0 in indexes else 1 if rows in indexes else None


def _index_of(word: str) -> int | None:
    kind, _, index = word.partition(":")
    return int(index) if kind in {"index", "odd"} and index else None


def match(facts: Sequence[ClaimFacts], records: Iterable[Record], *, rows: int) -> dict[int, GenerationId]:
    """Bind ids to places by what their records say, never by their order; what proves nothing stays unbound.

    facts: the places to fill. rows: how many the request had. Among rows with equal values any is right. Without
    `text`, indexes bind only where their base is certain.
    """
    distinct = {record.generation_id: record for record in records}
    places: dict[bytes, list[int]] = {}
    for fact in facts:
        places.setdefault(fact.text_key, []).append(fact.place)
    pairs: dict[int, GenerationId] = {}
    for record in distinct.values():
        waiting = places.get(record.text_key, []) if record.text_key is not None else []
        if waiting:
            pairs[waiting.pop(0)] = record.generation_id
    if any(record.text_key is not None for record in distinct.values()):
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
    unbound: Mapping[int, Sequence[ClaimFacts]], records: Iterable[Record]
) -> dict[int, dict[int, GenerationId]]:
    """Bind candidates from a list to the unbound rows of doubtful requests: chunk → place → id.

    Only where every group of equal texts has exactly as many candidates as unbound rows over all these requests, so
    that somebody else's video of the same text is never taken; and only where those rows do not differ in what a
    record leaves out, their assets.
    """
    wanted: dict[bytes, list[tuple[int, int]]] = {}
    identities: dict[bytes, set[bytes]] = {}
    for chunk, facts in unbound.items():
        for fact in facts:
            wanted.setdefault(fact.text_key, []).append((chunk, fact.place))
            identities.setdefault(fact.text_key, set()).add(fact.identity)
    offered: dict[bytes, list[GenerationId]] = {}
    for record in {record.generation_id: record for record in records}.values():
        if record.text_key in wanted and record.text_key is not None:
            offered.setdefault(record.text_key, []).append(record.generation_id)
    pairs: dict[int, dict[int, GenerationId]] = {}
    for chunk, facts in unbound.items():
        keys = {fact.text_key for fact in facts}
        if all(len(offered.get(key, [])) == len(wanted[key]) and len(identities[key]) == 1 for key in keys):
            for fact in facts:
                pairs.setdefault(chunk, {})[fact.place] = offered[fact.text_key].pop()
                wanted[fact.text_key].remove((chunk, fact.place))
    return pairs
