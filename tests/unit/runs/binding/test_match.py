"""The proof that an id belongs to its row: what a record says, and what follows from it for its whole request."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bhuman_cli.domain import Binding, Generation, GenerationId
from bhuman_cli.journal.generations import ClaimFacts
from bhuman_cli.runs import identity
from bhuman_cli.runs.binding import match
from bhuman_cli.runs.binding.match import Record

CONFIRMED, POSITION, CONFLICT = Binding.CONFIRMED, Binding.POSITION, Binding.CONFLICT


def key(text: str) -> bytes:
    return identity.text_key([text])


def facts(*seen: str, texts: tuple[str, ...] = (), bindings: tuple[str, ...] = ()) -> list[ClaimFacts]:
    """One claim per word; claim_id is 100 + place. A word `-` is a row without an id."""
    return [
        ClaimFacts(
            claim_id=100 + place, place=place, text_key=key(texts[place] if texts else f"row {place}"),
            generation_id=None if word == "-" else GenerationId(f"id{place}"),
            binding=bindings[place] if bindings else "provisional", seen="" if word == "-" else word,
            status="succeeded", values=(texts[place] if texts else f"row {place}",),
        )
        for place, word in enumerate(seen)
    ]  # fmt: skip


def decided(*seen: str, bindings: tuple[str, ...] = ()) -> list[Binding | None]:
    found = match.decide(facts(*seen, bindings=bindings))
    return [found.get(100 + place) for place in range(len(seen))]


def record(number: int, text: str | None = None, index: int | None = None) -> Record:
    return Record(
        generation_id=GenerationId(f"id{number}"), text_key=None if text is None else key(text), api_row_index=index,
        text=None if text is None else (text,),
    )  # fmt: skip


# What one record says.

PEOPLE = ("Ana Lopez & Sons", "Bob", "A very long company name", "Caf\u00e9 \U0001f600", "O\u2019Neil", "\ufb01rm  two")


@pytest.mark.parametrize(
    ("place", "text", "index", "word"),
    [
        (1, "Bob", None, "own"),
        (1, "Bob", 5, "own:5"),
        (1, "BOB", 1, "fold:1"),
        (0, "Ana Lopez &amp; Sons", 0, "fold:0"),
        (0, "ana  lopez &amp;amp; sons", None, "fold"),
        (2, "A very long comp", None, "fold"),
        (2, "A very long company\u2026", None, "fold"),
        (2, "A very long com", None, "odd"),
        (3, "Caf\u00e9", None, "fold"),
        (3, "Caf", 3, "odd:3"),
        (4, "O'Neil", None, "fold"),
        (5, "firm two", None, "fold"),
        (1, "O'Neil", 1, "other@4:1"),
        (1, "a very long company name", None, "other@2"),
        (1, "Ana Lopez & Sons", None, "other@0"),
        (1, "Zoe", 1, "alien:1"),
        (1, "", 3, "index:3"),
        (1, None, 3, "index:3"),
        (1, None, None, "none"),
    ],
)
def test_the_word_of_a_record(place: int, text: str | None, index: int | None, word: str) -> None:
    asked = facts(*[""] * len(PEOPLE), texts=PEOPLE)
    rows = match.rows_of(asked)
    assert match.classify(record(0, text, index), asked[place], asked, rows, foreign=False) == word
    assert match.classify(record(0, text, index), asked[place], asked, rows, foreign=True) == "foreign"


def test_a_text_that_may_be_two_rows_says_nothing_of_either() -> None:
    asked = facts("", "", texts=("A company with a long name, north", "A company with a long name, south"))
    rows = match.rows_of(asked)
    cut = record(0, "A company with a long name", None)
    assert [match.classify(cut, fact, asked, rows, foreign=False) for fact in asked] == ["odd", "odd"]


def test_a_record_is_read_by_its_values_and_its_index() -> None:
    generation = Generation(id=GenerationId("id0"), status="queued", text=("Ada ", "Zoe\u0308"), api_row_index=4)
    found = match.as_record(generation)
    assert found == Record(
        generation_id=GenerationId("id0"), text_key=identity.text_key(["Ada", "Zo\u00eb"]), api_row_index=4,
        text=("Ada ", "Zoe\u0308"),
    )  # fmt: skip
    assert match.as_record(Generation(id=GenerationId("id0"), status="")).text_key is None


# What follows for the request.


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        # text
        (("own", "own"), [CONFIRMED, CONFIRMED]),
        (("own", ""), [CONFIRMED, None]),
        (("own", "other@0"), [CONFIRMED, CONFLICT]),
        (("foreign", "own"), [CONFLICT, CONFIRMED]),
        (("none", "none"), [POSITION, POSITION]),
        (("own", "none"), [CONFIRMED, POSITION]),
        # a text that equals no row is no conflict
        (("odd", "own"), [POSITION, CONFIRMED]),
        (("odd", "fold", ""), [None, CONFIRMED, None]),
        (("odd:0", "own:1"), [CONFIRMED, CONFIRMED]),
        (("odd:1", "own:2", ""), [CONFIRMED, CONFIRMED, None]),
        (("odd:1", "own:1"), [CONFLICT, CONFIRMED]),
        (("odd:7", "own:8", "own:9"), [POSITION, CONFIRMED, CONFIRMED]),  # counted over the whole campaign
        (("index:7", "own:5", "own:9"), [POSITION, CONFIRMED, CONFIRMED]),
        (("odd", "other@0"), [CONFLICT, CONFLICT]),
        # other values: somebody else's, where the service repeats values
        (("alien:0", "own:1"), [CONFLICT, CONFIRMED]),
        (("alien", "alien"), [POSITION, POSITION]),
        (("alien:0", "alien:1"), [CONFIRMED, CONFIRMED]),
        (("odd", ""), [None, None]),
        (("odd", "odd"), [POSITION, POSITION]),
        (("odd:0", "odd:1"), [CONFIRMED, CONFIRMED]),
        (("odd:1", "odd:0"), [CONFLICT, CONFLICT]),
        (("odd:0", ""), [CONFIRMED, None]),
        (("odd:1", "odd:2"), [CONFIRMED, CONFIRMED]),
        (("odd:0", "none"), [CONFIRMED, POSITION]),
        # index only
        (("index:0", "index:1"), [CONFIRMED, CONFIRMED]),
        (("index:1", "index:2"), [CONFIRMED, CONFIRMED]),
        (("index:0", ""), [CONFIRMED, None]),
        (("index:1", ""), [None, None]),  # counted from one, or somebody else's: not known yet
        (("", "index:2"), [None, CONFIRMED]),  # beyond the end: counted from one
        (("index:5", ""), [None, None]),
        (("index:1", "index:0"), [CONFLICT, CONFLICT]),
        (("index:0", "index:1", "index:1"), [CONFIRMED, CONFIRMED, CONFLICT]),
        (("index:1", "index:3", "index:2"), [CONFIRMED, CONFLICT, CONFLICT]),
        (("index:1", "index:2", "index:2"), [CONFLICT, CONFLICT, CONFLICT]),  # either may be the wrong one
        (("index:1", "index:1"), [POSITION, POSITION]),  # the same for all is no numbering
        (("index:0", "index:0", "index:0"), [POSITION, POSITION, POSITION]),
        (("index:5", "index:6", "index:7"), [POSITION, POSITION, POSITION]),  # nor is one over more than the request
        (("index:0", "index:3", "index:3"), [CONFLICT, CONFLICT, CONFLICT]),  # counted from nought and from one
        (("index:1", "index:2", "none"), [CONFIRMED, CONFIRMED, POSITION]),
        (("", "index:1", ""), [None, None, None]),  # alone, it may be an exchanged one that is counted from one
        (("", "index:1", "index:2"), [None, CONFIRMED, CONFIRMED]),
        (("index:1", "-", "-"), [POSITION, None, None]),  # alone, it points nowhere
        (("none", "index:1", "none"), [POSITION, CONFIRMED, POSITION]),
        (("", "index:0", ""), [None, None, None]),
        (("index:0", "none"), [CONFIRMED, POSITION]),
        # rows whose id is not known say nothing
        (("own", "-"), [CONFIRMED, None]),
        (("-", "index:1"), [None, CONFIRMED]),
        (("-", "index:1", ""), [None, None, None]),
        (("",), [None]),
        ((), []),
    ],
)
def test_decisions(seen: tuple[str, ...], expected: list[Binding | None]) -> None:
    assert decided(*seen) == expected


def test_a_position_that_a_person_accepted_is_not_taken_back_by_the_same_record() -> None:
    assert decided("person", "own", bindings=("position", "confirmed")) == [None, CONFIRMED]
    assert decided("given up", "own", bindings=("", "confirmed")) == [None, CONFIRMED]


def test_a_position_that_stood_because_the_record_was_silent_falls_when_it_speaks() -> None:
    """`text` may be null until a video is finished."""
    assert decided("other@1", "own", bindings=("position", "confirmed")) == [CONFLICT, CONFIRMED]
    assert decided("alien", "own", bindings=("position", "confirmed")) == [CONFLICT, CONFIRMED]


def test_a_text_of_no_row_waits_for_records_that_may_still_say_theirs() -> None:
    """While a video is made, its record may be silent: that is no word about how the service writes values."""
    for silent in ("none", "index:1"):
        asked = facts("alien:0", silent)
        unfinished = [asked[0], dataclasses.replace(asked[1], status="processing")]
        assert 100 not in match.decide(unfinished)
        assert match.decide(asked)[100] == CONFIRMED
        assert match.decide(unfinished, speaks_text=True)[100] == CONFLICT


def test_a_silent_record_beside_proof_of_another_order_is_in_doubt() -> None:
    assert decided("other@1", "none") == [CONFLICT, CONFLICT]


# Binding anew.


def matched(records: list[Record], texts: tuple[str, ...] = ("a", "b", "c")) -> dict[int, Any]:
    return dict(match.match(facts(*["-"] * len(texts), texts=texts), records, rows=len(texts)))


def test_ids_are_bound_by_their_text_in_whatever_order_they_came() -> None:
    assert matched([record(7, "c"), record(8, "a"), record(9, "b")]) == {2: "id7", 0: "id8", 1: "id9"}


def test_equal_rows_take_any_of_their_ids_but_each_only_one() -> None:
    assert matched([record(7, "a"), record(8, "a"), record(9, "a")], ("a", "a", "b")) == {0: "id7", 1: "id8"}
    assert matched([record(7, "a"), record(7, "a")], ("a", "a")) == {0: "id7"}, "one id is one video"


def test_what_proves_nothing_stays_unbound() -> None:
    assert matched([record(7, "x"), record(8, "b")]) == {1: "id8"}
    assert matched([record(7, "b"), record(8, None, 0)]) == {1: "id7"}, "an index is not believed beside a text"
    assert matched([record(7)]) == {}
    assert matched([]) == {}


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [
        ((2, 0, 1), {2: "id0", 0: "id1", 1: "id2"}),
        ((1, 2, 3), {0: "id0", 1: "id1", 2: "id2"}),
        ((3,), {2: "id0"}),
        ((0,), {0: "id0"}),
        ((1,), {}),  # from nought or from one: nobody knows
        ((1, 2), {}),
        ((0, 0), {}),
        ((0, 17), {0: "id0"}),
        ((0, None), {}),
        ((0, 3), {}),
    ],
)
def test_indexes_bind_only_where_their_base_is_certain(
    indexes: tuple[int | None, ...], expected: dict[int, str]
) -> None:
    assert matched([record(at, None, index) for at, index in enumerate(indexes)]) == expected


def test_places_that_are_left_do_not_pretend_to_be_the_whole_request() -> None:
    """Of four rows two are bound; the others' indexes 2 and 3 are no count from one of two rows."""
    left = facts("-", "-", "-", "-")[2:]
    records = [record(7, None, 2), record(8, None, 3)]
    assert match.match(left, records, rows=4) == {}
    assert match.match(left, [record(7, None, 4), record(8, None, 3)], rows=4) == {3: "id7", 2: "id8"}


# Candidates from a list.


def exactly(chunks: dict[int, tuple[str, ...]], *texts: str) -> dict[int, dict[int, str]]:
    unbound = {chunk: facts(*["-"] * len(rows), texts=rows) for chunk, rows in chunks.items()}
    offered = [record(at, text) for at, text in enumerate(texts)]
    return {chunk: dict(pairs) for chunk, pairs in match.match_exactly(unbound, offered).items()}


def test_a_list_binds_only_where_every_group_of_equal_texts_is_exactly_there() -> None:
    assert exactly({1: ("a", "b")}, "b", "a") == {1: {0: "id1", 1: "id0"}}
    assert exactly({1: ("a", "b")}, "a") == {}, "half of it may be somebody else's"
    assert exactly({1: ("a", "b")}, "a", "b", "b") == {}, "one too many"
    assert exactly({1: ("a",)}, "a", "z") == {1: {0: "id0"}}, "strangers do not matter"
    assert exactly({1: ("a", "a")}, "a", "a") == {1: {0: "id0", 1: "id1"}}
    assert exactly({1: ("a",)}) == {}


def test_equal_texts_of_two_requests_are_counted_together() -> None:
    assert exactly({1: ("a", "b"), 2: ("a",)}, "a", "b") == {}, "whose is it?"
    both = exactly({1: ("a", "b"), 2: ("a",)}, "a", "b", "a")
    assert {chunk: set(pairs) for chunk, pairs in both.items()} == {1: {0, 1}, 2: {0}}
    assert len({item for pairs in both.values() for item in pairs.values()}) == 3, "an id binds once"
    assert exactly({1: ("a",), 2: ("b", "c")}, "a", "b") == {1: {0: "id0"}}


def test_a_candidate_listed_twice_is_one_and_one_without_text_is_none() -> None:
    unbound = {1: facts("-", "-", texts=("a", "a"))}
    assert match.match_exactly(unbound, [record(1, "a"), record(1, "a")]) == {}
    assert match.match_exactly({1: facts("-", texts=("a",))}, [record(1), record(2, "a")]) == {1: {0: "id2"}}


def test_rows_that_differ_only_in_their_assets_are_never_told_apart_by_text() -> None:
    def doubtful(identity: bytes) -> list[ClaimFacts]:
        return [dataclasses.replace(facts("-", texts=("Ada",))[0], identity=identity)]

    offered = [record(1, "Ada"), record(2, "Ada")]
    assert match.match_exactly({1: doubtful(b"red"), 2: doubtful(b"blue")}, offered) == {}
    assert set(match.match_exactly({1: doubtful(b"red"), 2: doubtful(b"red")}, offered)) == {1, 2}
