"""Whatever owners do, die of or repeat: every accepted row stays, ends at most once, and has one callback per event."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bhuman_cli.studio.queue.entries import Batch, End, NewRow, Settled
from bhuman_cli.studio.queue.store import FINAL, StudioStore

OWNERS = st.sampled_from(["one", "two"])


class Queue(RuleBasedStateMachine):
    """The store against a few dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = StudioStore.open(Path(self.folder.name))
        self.accepted: list[str] = []
        self.ended: dict[str, str] = {}
        self.held: dict[str, str] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(count=st.integers(1, 4))
    def accept(self, count: int) -> None:
        ids = [f"g{len(self.accepted) + number}" for number in range(count)]
        batch = Batch(
            request_no=1,
            route="campaign",
            target_kind="campaign",
            target_id="c",
            variables=["a"],
            backgrounds=[],
            options={},
            callback_url="http://127.0.0.1/",
            whatsapp=False,
            template=None,
        )
        rows = [NewRow(id=identifier, text=["x"], assets=[]) for identifier in ids]
        assert self.store.accept(batch, rows, now_s=0, now="n", due_s=0)
        self.accepted += ids

    @rule(owner=OWNERS, count=st.integers(1, 3))
    def claim(self, owner: str, count: int) -> None:
        free = [one for one in self.accepted if one not in self.ended and one not in self.held]
        taken = [row["id"] for row in self.store.claim(owner, count)]
        assert taken == free[:count]
        self.held |= dict.fromkeys(taken, owner)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data(), state=st.sampled_from(FINAL))
    def finish(self, data: st.DataObject, state: str) -> None:
        identifier = data.draw(st.sampled_from(self.accepted))
        first = self.store.finish(identifier, End(state=state), now="n", due_s=0)
        assert first == (identifier not in self.ended)
        self.ended.setdefault(identifier, state)
        self.held.pop(identifier, None)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), owner=OWNERS)
    def start(self, data: st.DataObject, owner: str) -> None:
        self.store.start(data.draw(st.sampled_from(sorted(self.held))), owner, now="n")

    @rule(owner=OWNERS, died=st.booleans())
    def requeue(self, owner: str, died: bool) -> None:
        mine = [one for one, holder in self.held.items() if holder == owner]
        assert self.store.requeue(owner, died=died) == len(mine)
        for one in mine:
            del self.held[one]

    @rule(outcome=st.sampled_from(["", "delivered"]))
    def settle(self, outcome: str) -> None:
        owed, _ = self.store.take_owed("one", 1, lambda receivers: dict.fromkeys(receivers, 2))
        assert all(row["owner"] is None for row in owed)
        self.store.settle([Settled(row["generation_id"], row["event"], outcome, 0) for row in owed])

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = StudioStore.open(Path(self.folder.name))

    @invariant()
    def holds(self) -> None:
        rows = self.store.accepted()
        assert [row["id"] for row in rows] == self.accepted
        for row in rows:
            expected = self.ended.get(row["id"])
            held = row["id"] in self.held
            assert row["state"] == expected if expected else (row["state"] == "queued") != held
            assert row["attempts"] >= 0
        callbacks = [row["generation_id"] for row in self.store.callbacks()]
        assert sorted(callbacks) == sorted(self.ended)


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
