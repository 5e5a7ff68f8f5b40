"""Updates from the service's records: statuses, links, and what follows for bindings. Asks nobody.

Most records simply equal their row; only where one does not is the whole request looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bhuman_cli.domain import Binding, Generation
from bhuman_cli.journal import generations, targets
from bhuman_cli.journal.generations import ClaimFacts, Waiting
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import doubts, match, spelling, video_list
from bhuman_cli.runs.binding.spelling import Rows
from bhuman_cli.runs.context import RunContext

_MOST_VIEWS: Final = 64


def _plain(word: str) -> Binding | None:
    """Return what a word means where that does not depend on the request's other records."""
    if word == "none":
        return Binding.POSITION
    return Binding.CONFIRMED if word.partition(":")[0] in {"own", "fold"} else None


@dataclass(slots=True)
class RecordView:
    """A request's places as the journal knows them, kept in memory while it is waited for."""

    facts: dict[int, ClaimFacts]
    rows: Rows
    is_plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResult:
    """What a batch of records came to. ended: claims. is_rebound: ids changed their rows; read the journal anew."""

    ended: set[int]
    is_rebound: bool


@dataclass(slots=True, kw_only=True)
class RecordUpdater:
    """What one run has learnt about its requests."""

    run: Run
    context: RunContext
    _views: dict[int, RecordView] = field(default_factory=dict)
    _tried: dict[int, int] = field(default_factory=dict)

    def write(self, records: Sequence[tuple[Waiting, Generation]]) -> UpdateResult:
        """Write records and what follows from them; one commit, and more only if ids must be bound anew."""
        journal = self.context.journal
        changed: dict[int, Binding] = {}
        conflicts: set[int] = set()
        with journal.transaction():
            touched: dict[int, list[int]] = {}
            for item, record in records:
                generations.record(journal, item.claim_id, record, self._word(item, record))
                if item.chunk_id:
                    touched.setdefault(item.chunk_id, []).append(item.claim_id)
            for chunk_id, claims in touched.items():
                changed |= self._bindings(chunk_id, claims)
                if self._has_conflict(chunk_id):
                    conflicts.add(chunk_id)
            generations.save_bindings(journal, changed)
            generations.mark_finished(journal, [item.claim_id for item, _ in records])
            generations.drop_bodies(journal, touched)
        looked_at = {item.claim_id for item, _ in records} | changed.keys()
        is_rebound = sum(self._rebind(chunk_id) for chunk_id in conflicts) > 0
        return UpdateResult(ended=generations.finished(journal, looked_at), is_rebound=is_rebound)

    def _word(self, item: Waiting, record: Generation) -> str:
        if not item.chunk_id:
            return "own"  # adopted: its text was compared when it was taken over
        view = self._view(item.chunk_id)
        fact = view.facts[item.claim_id]
        if fact.seen in match.DECIDED:
            return fact.seen
        is_foreign = video_list.is_foreign(record, self.run.target)
        sighting = match.as_record(record)
        word = match.classify(sighting, fact, view.facts.values(), view.rows, foreign=is_foreign)
        if word.startswith("fold") and fact.values is not None and sighting.text is not None:
            targets.add_respellings(
                self.context.journal, self.run.target_id, spelling.shown_by(sighting.text, fact.values)
            )
        view.facts[item.claim_id] = replace(fact, seen=word, status=record.status)
        view.is_plain = view.is_plain and _plain(word) is not None
        return word

    def _bindings(self, chunk_id: int, claims: Sequence[int]) -> dict[int, Binding]:
        view = self._view(chunk_id)
        if view.is_plain:
            words = {claim: _plain(view.facts[claim].seen) for claim in claims}
            decided = {claim: binding for claim, binding in words.items() if binding is not None}
        else:
            decided = match.decide(
                list(view.facts.values()), speaks_text=targets.shows_texts(self.context.journal, self.run.target_id)
            )
        changed = {claim: binding for claim, binding in decided.items() if view.facts[claim].binding != binding}
        for claim, binding in changed.items():
            view.facts[claim] = replace(view.facts[claim], binding=str(binding))
        return changed

    def _view(self, chunk_id: int) -> RecordView:
        if chunk_id not in self._views:
            if len(self._views) >= _MOST_VIEWS:
                self._views.pop(next(iter(self._views)))
            facts = generations.chunk_facts(self.context.journal, chunk_id)
            self._views[chunk_id] = RecordView(
                facts={fact.claim_id: fact for fact in facts},
                rows=match.rows_of(facts),
                is_plain=all(_plain(fact.seen) is not None for fact in facts if fact.seen),
            )
        return self._views[chunk_id]

    def _has_conflict(self, chunk_id: int) -> bool:
        view = self._view(chunk_id)
        return not view.is_plain and any(fact.binding == Binding.CONFLICT for fact in view.facts.values())

    def _rebind(self, chunk_id: int) -> bool:
        """Try to bind anew at the first conflict, and once more when every record has said its text."""
        facts = self._view(chunk_id).facts.values()
        says_all = all(fact.seen.startswith(("own", "fold", "other")) for fact in facts)
        if self._tried.get(chunk_id, 0) > says_all:
            return False
        self._tried[chunk_id] = 1 + says_all
        self._views.pop(chunk_id, None)
        return doubts.rebind(self.context, self.run, chunk_id)
