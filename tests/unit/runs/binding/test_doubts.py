"""Settling doubt by the list: which evidence binds, and which frees."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import Generation, GenerationId
from bhuman_cli.journal import chunks, targets
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import doubts, video_list
from tests.support import ledger
from tests.support.doubts import MINUTES, links_are_right, lost, shown
from tests.support.ledger import Bench

pytestmark = pytest.mark.usefixtures("open_list")


# The list.


def test_the_open_list_finds_the_videos_of_a_lost_answer(bench: Bench) -> None:
    run, _ = lost(bench, "Ada", "Bob", "Ada")
    bench.service.accepted.reverse()
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["succeeded"] * 3
    assert links_are_right(bench, run)
    assert len(bench.service.asked) == 3, "each is confirmed by its own record"


@pytest.mark.parametrize("where", ["before", "after", "undated"])
def test_videos_from_another_time_are_no_candidates(bench: Bench, where: str) -> None:
    run, chunk = lost(bench, "Ada")
    item = bench.service.accepted[0]
    item["at"] += {"before": -timedelta(minutes=6), "after": timedelta(minutes=31), "undated": timedelta()}[where]
    if where == "undated":
        bench.service.change = lambda record: {**record, "created_at": None}
    assert [found.chunk_id for found in doubts.settle_doubts(bench.context, run)] == [chunk.chunk_id]
    assert shown(bench, run) == ["in_doubt"]


@pytest.mark.parametrize("minutes", [-4, 0, 29])
def test_videos_within_the_window_are_candidates(bench: Bench, minutes: int) -> None:
    run, _ = lost(bench, "Ada")
    bench.service.accepted[0]["at"] += timedelta(minutes=minutes)
    assert doubts.settle_doubts(bench.context, run) == []


def test_somebody_elses_video_of_the_same_text_is_never_taken(bench: Bench) -> None:
    run, _ = lost(bench, "Ada", "Bob")
    bench.service.take({"names": [["Ada"]]})  # a colleague's, in the app
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert shown(bench, run) == ["in_doubt"] * 2


def test_another_campaigns_video_is_no_candidate(bench: Bench) -> None:
    run, _ = lost(bench, "Ada")
    bench.service.change = lambda record: {**record, "campaign_id": "another"}
    assert len(doubts.settle_doubts(bench.context, run)) == 1


def test_a_record_that_contradicts_the_list_binds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = lost(bench, "Ada")
    real = bench.service.generation

    def changed(self: object, generation_id: str) -> Generation | None:
        found = real(generation_id)
        assert found is not None
        return Generation(id=found.id, status=found.status, text=("Somebody",))

    monkeypatch.setattr(type(bench.service), "generation", changed)
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert shown(bench, run) == ["in_doubt"]


def test_one_record_that_contradicts_the_list_leaves_its_whole_request_open(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = lost(bench, "Ada", "Bob")
    real, wrong = bench.service.generation, bench.service.accepted[1]["id"]

    def changed(self: object, generation_id: str) -> Generation | None:
        found = real(generation_id)
        assert found is not None
        return replace(found, text=("Somebody",)) if generation_id == wrong else found

    monkeypatch.setattr(type(bench.service), "generation", changed)
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert shown(bench, run) == ["in_doubt"] * 2


def test_doubts_of_all_runs_on_the_target_are_settled(bench: Bench) -> None:
    one, _ = lost(bench, "Ada", path="/in/one.csv")
    two, _ = lost(bench, "Bob", path="/in/two.csv")
    assert doubts.settle_doubts(bench.context, two) == []
    assert (shown(bench, one), shown(bench, two)) == (["succeeded"], ["succeeded"])


def test_a_list_that_is_closed_or_down_settles_nothing(bench: Bench) -> None:
    run, _ = lost(bench, "Ada")
    for error in (errors.ApiError("closed", status=401), errors.ServiceDown("down"), WireError("odd")):
        bench.service.page_error = error
        assert video_list.read_list(bench.context) is None
        assert len(doubts.settle_doubts(bench.context, run)) == 1


def test_the_whole_list_is_read_and_page_nought_once_more(bench: Bench) -> None:
    bench.service.take({"names": [[f"person {at}"] for at in range(250)]})
    listed = video_list.read_list(bench.context)
    assert listed is not None
    assert (len(listed.records), listed.is_complete, bench.service.pages_read) == (250, True, 4)


@pytest.mark.parametrize("videos", [0, 99, 100, 101, 250, 800, 801])
def test_pages_read_several_at_once_are_the_same_list(bench: Bench, videos: int) -> None:
    bench.service.take({"names": [[f"person {at}"] for at in range(videos)]})
    alone = video_list.read_list(bench.context)
    read = bench.service.pages_read
    with ThreadPoolExecutor(4) as pool:
        together = video_list.read_list(replace(bench.context, pool=pool))
    assert together is not None
    assert together == alone
    assert (len(together.records), together.is_complete) == (videos, True)
    assert bench.service.pages_read == 2 * read, "no page more than one after the other"


def test_a_page_that_fails_among_several_leaves_no_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.service.take({"names": [[f"person {at}"] for at in range(900)]})
    real = bench.service.page

    def page(self: object, number: int) -> Page:
        if number == 3:
            raise errors.ServiceDown("down")
        return real(number)

    monkeypatch.setattr(type(bench.service), "page", page)
    with ThreadPoolExecutor(4) as pool:
        assert video_list.read_list(replace(bench.context, pool=pool)) is None


@pytest.mark.parametrize("trouble", ["moved", "unreadable", "endless"])
def test_a_list_that_moves_or_can_not_be_read_whole_is_not_complete(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    bench.service.take({"names": [[f"person {at}"] for at in range(3)]})
    real = bench.service.page

    def page(self: object, number: int) -> Page:
        found = real(number)
        if trouble == "moved":
            bench.service.accepted.insert(0, {**bench.service.accepted[0], "id": ledger.new_ids(1)[0]})
        if trouble == "endless":
            return Page(total=None, generations=found.generations, unreadable=100)
        return Page(total=3, generations=found.generations, unreadable=trouble == "unreadable")

    monkeypatch.setattr(type(bench.service), "page", page)
    monkeypatch.setattr(video_list, "_MOST_PAGES", 5)
    listed = video_list.read_list(bench.context)
    assert listed is not None
    assert not listed.is_complete


@pytest.mark.parametrize("says_total", [True, False])
@pytest.mark.parametrize("beyond", ["nothing", "the last page"])
def test_a_service_that_shows_fewer_at_once_is_read_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, says_total: bool, beyond: str
) -> None:
    """A short page is no end: a request whose videos stand on the next one would be called lost, and paid again."""
    bench.service.take({"names": [[f"person {at}"] for at in range(70)]})

    def page(self: ledger.ScriptedService, number: int) -> Page:
        shown = [found for item in self.accepted if (found := self.record(item)) is not None]
        number = min(number, 2) if beyond == "the last page" else number
        total = len(shown) if says_total else None
        return Page(total=total, generations=tuple(shown[number * 30 : number * 30 + 30]))

    monkeypatch.setattr(type(bench.service), "page", page)
    listed = video_list.read_list(bench.context)
    assert listed is not None
    assert (len(listed.records), listed.is_complete) == (70, True)


@pytest.mark.parametrize(
    "trouble", ["less than the total", "a record on the first page", "the same page for ever", "no second page"]
)
def test_a_list_that_lacks_something_is_not_complete(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    bench.service.take({"names": [[f"person {at}"] for at in range(130)]})
    real = bench.service.page

    def page(self: object, number: int) -> Page:
        found = real(number)
        match trouble:
            case "no second page" if number:
                raise errors.ApiError("there is no such page", status=404)
            case "less than the total":
                return replace(found, total=131)
            case "a record on the first page":
                return replace(found, generations=found.generations[number == 0 :], unreadable=int(number == 0))
        return replace(real(0), total=None)

    monkeypatch.setattr(type(bench.service), "page", page)
    monkeypatch.setattr(video_list, "_MOST_PAGES", 5)
    listed = video_list.read_list(bench.context)
    assert listed is not None
    assert len(listed.records) >= 99, "what could be read can be adopted"
    assert not listed.is_complete


# Freeing.


def not_accepted(bench: Bench) -> tuple[Run, Chunk]:
    """Three requests: accepted, lost on the way and never seen by the service, accepted and still being rendered."""
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada", "Bob", "Cid"))
    lost = None
    for name in ("Ada", "Bob", "Cid"):
        ids = None if name == "Bob" else [GenerationId(item) for item in bench.service.take({"names": [[name]]})]
        chunk = ledger.sent(bench.journal, run, ids, limit=1)
        if ids is None:
            chunks.mark_in_doubt(bench.journal, chunk, "lost")
            lost = chunk
        elif name == "Cid":
            bench.service.undone.update(ids)
    assert lost is not None
    return run, lost


def grown_old(bench: Bench, run: Run) -> None:
    """The list is looked at while a video is rendered; then the grace time passes and all are finished."""
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    bench.service.undone.clear()
    bench.clock.pass_s(15 * MINUTES)


def test_absence_from_a_complete_list_frees_after_the_grace_time_only(bench: Bench) -> None:
    run, chunk = not_accepted(bench)
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    bench.service.undone.clear()
    bench.clock.pass_s(15 * MINUTES - 1)
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    bench.clock.pass_s(1)
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["queued", "pending", "queued"]
    assert any("not accepted" in said for said in bench.notices.said)
    decision = bench.journal.query_one("SELECT what, chunk_id FROM decision")
    assert decision is not None
    assert (decision["what"], decision["chunk_id"]) == ("not accepted", chunk.chunk_id)


@pytest.mark.parametrize(
    "trouble",
    [
        "incomplete", "others missing", "a later one missing", "nothing to compare", "unknown equal text",
        "unknown text without a time", "unknown cut-off text", "unknown without a text", "only finished videos",
        "no date", "the service's clock stands", "a wrong total",
    ],
)  # fmt: skip
def test_absence_is_no_proof_where_the_list_is_doubtful(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "nothing to compare":
        run, _ = lost(bench, "Ada", accepted=False)
    else:
        run, _ = not_accepted(bench)
    if trouble == "only finished videos":
        real = type(bench.service).page
        monkeypatch.setattr(type(bench.service), "page", lambda self, page: _finished(real(self, page)))
    if trouble == "no date":
        bench.service.ahead = None
    grown_old(bench, run)
    match trouble:
        case "others missing":
            del bench.service.accepted[0]
        case "a later one missing":
            del bench.service.accepted[-1]
            bench.journal.execute("UPDATE claim SET run_no = NULL WHERE chunk_id = 3")
        case "unknown equal text" | "unknown text without a time" | "unknown without a text" | "unknown cut-off text":
            bench.service.take({"names": [["b&#111;b"]]})
            stranger = bench.service.accepted[-1]
            stranger["at"] -= timedelta(days=400)
            if trouble != "unknown equal text":
                gone = "created_at" if "time" in trouble else "text"
                own = stranger["id"]
                bench.service.change = lambda record: record | ({gone: None} if record["id"] == own else {})
            if trouble == "unknown cut-off text":
                bench.service.change = lambda record: record
                stranger["text"] = ["Bob", "and more"]
        case "incomplete":
            monkeypatch.setattr(video_list, "PAGE_SIZE", 1)
            monkeypatch.setattr(video_list, "_MOST_PAGES", 1)
        case "the service's clock stands":
            bench.service.ahead = -timedelta(minutes=15)
        case "a wrong total":
            bench.service.take({"names": [["Bob"]]})
            monkeypatch.setattr(type(bench.service), "page", _short_with_a_wrong_total)
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert "in_doubt" in shown(bench, run)


def _finished(page: Page) -> Page:
    return replace(page, generations=tuple(item for item in page.generations if item.status == "succeeded"))


def _short_with_a_wrong_total(self: ledger.ScriptedService, number: int) -> Page:
    shown = [found for item in self.accepted if (found := self.record(item)) is not None]
    return Page(total=2, generations=tuple(shown[number * 2 : number * 2 + 2]))


@pytest.mark.parametrize("hours", [-9, 9])
def test_a_wrong_clock_of_ours_neither_frees_nor_hides_the_videos(bench: Bench, hours: int) -> None:
    bench.service.ahead = timedelta(hours=hours)
    run, _ = lost(bench, "Ada")
    bench.service.accepted[0]["at"] += timedelta(hours=hours)
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["succeeded"]


def test_a_respelt_text_is_adopted_only_where_confirmed_records_spell_so(bench: Bench) -> None:
    run, _ = lost(bench, "Ada & Bob")
    bench.service.change = lambda record: record | {"text": [record["text"][0].replace("&", "&amp;")]}
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    with bench.journal.transaction():
        targets.add_respellings(bench.journal, run.target_id, {"entities"})
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["succeeded"]
