"""`bhuman render` as a process against the local studio over real HTTP; the studio's own count is the judge."""

from __future__ import annotations

import collections
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID
from bhuman_cli.studio.faults import grammar
from tests.support import servers, small_template
from tests.support.desk import Desk
from tests.support.studio import RunningStudio, running_studio


def at_desk(tmp_path: Path, studio: RunningStudio) -> Desk:
    """Return a desk whose environment names the studio."""
    desk = Desk(tmp_path, studio.base_url)
    desk.env |= {
        "BHUMAN_API_KEY_ID": studio.key_id, "BHUMAN_API_KEY_SECRET": studio.secret, "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
    }  # fmt: skip
    return desk


def judged(desk: Desk, studio: RunningStudio, name: str = "people.results.csv") -> None:
    """Every row that was accepted was accepted once, and every link is beside the row it was made for."""
    texts = collections.Counter(tuple(row["text"]) for row in studio.accepted())
    assert all(count == 1 for count in texts.values()), "paid twice"
    text_of = {row["id"]: row["text"] for row in studio.accepted()}
    for row in desk.results(name):
        if row["url"]:
            assert text_of[row["id"]] == [row["first_name"], row["company"]]
            assert row["id"] in row["url"]


@pytest.mark.parametrize(
    ("faults", "token"),
    [
        ((), False),
        (("GET generated_video_by_campaign_id: list-newest-first",), True),
        (("GET *: row-index is=null", "GET *: text is=null", "GET *: status-word word=COMPLETED"), False),
        (("POST pipeline/campaign: shuffled-ids",), False),
        (("GET *: row-index is=one-based", "GET *: text is=null"), False),
        (("POST pipeline/campaign#2: short-ids n=3",), True),
        (("GET generated_video_by_id: 429 retry-after=0 times=5", "GET generated_video_by_id#9: drop"), False),
    ],
)
def test_thirty_seven_rows_in_four_requests_whatever_the_service_is_like(
    tmp_path: Path, faults: tuple[str, ...], token: bool
) -> None:
    with running_studio(tmp_path, faults=faults) as studio:
        desk = at_desk(tmp_path, studio)
        desk.people(37)
        env: dict[str, str | None] = {"BHUMAN_TOKEN": studio.bearer} if token else {}
        ended = desk.render("people.csv", "--chunk-size", "10", "--json", env=env)
        assert (ended.code, ended.rows["succeeded"]) == (0, 37), ended.err
        posts = [entry["body"] for entry in studio.requests() if entry["method"] == "POST"]
        assert [len(body["names"]) for body in posts] == [10, 10, 10, 7]
        assert [row["text"] for row in studio.accepted()] == [[f"Name{at}", f"Company {at}"] for at in range(37)]
        judged(desk, studio)


def test_a_lost_answer_is_settled_by_the_list_where_the_token_opens_it(tmp_path: Path) -> None:
    faults = ("POST pipeline/campaign#2: drop-after-acceptance",)
    with running_studio(tmp_path, faults=faults) as studio:
        desk = at_desk(tmp_path, studio)
        desk.people(6)
        closed = desk.render("people.csv", "--chunk-size", "2", "--json")
        assert (closed.code, closed.rows["in_doubt"], closed.rows["succeeded"]) == (9, 2, 4)
        opened = desk.render("people.csv", "--json", env={"BHUMAN_TOKEN": studio.bearer})
        assert (opened.code, opened.rows["succeeded"], opened.rows["submitted"]) == (0, 6, 0)
        assert len(studio.accepted()) == 6
        judged(desk, studio)


def test_a_video_instance_is_another_target_on_its_own_route(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        desk = at_desk(tmp_path, studio)
        desk.people(2)
        campaign = desk.render("people.csv", "--json")
        instance = desk.render("people.csv", "-i", INSTANCE_ID, "--json", env={"BHUMAN_CAMPAIGN_ID": None})
        assert (campaign.code, instance.code) == (0, 0), instance.err
        assert instance.document["target"] == {"instance_id": INSTANCE_ID}
        assert instance.rows["submitted"] == 2
        paths = [entry["path"] for entry in studio.requests() if entry["method"] == "POST"]
        assert [path.rsplit("/", 1)[-1] for path in paths] == ["campaign", "try_sample"]


def test_ids_may_be_pasted_as_app_urls_and_equal_texts_keep_their_own_assets(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        desk = at_desk(tmp_path, studio)
        people = [("Ada", "Acme", f"https://{site}.example/x.png") for site in ("one", "two", "one")]
        desk.table("people.csv", people, header=("first_name", "company", "site"))
        (desk.folder / "bg.toml").write_text(
            '[[backgrounds]]\nstart = 0\nend = -1\nkind = "link"\nconfig = {mode = "basic"}\n'
        )
        ended = desk.render(
            "people.csv", "-c", f"https://app.bhuman.ai/campaign/generatedVideos/{CAMPAIGN_ID.upper()}",
            "--asset", "site", "--backgrounds", "bg.toml", "--json",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        posts: list[dict[str, Any]] = [entry["body"] for entry in studio.requests() if entry["method"] == "POST"]
        assert [body["assets"] for body in posts] == [[[people[0][2]]], [[people[1][2]]]], "equal rows are one purchase"
        asset_of = {row["id"]: row["assets"] for row in studio.accepted()}
        assert [asset_of[row["id"]] for row in desk.results()] == [[row[2]] for row in people]


def test_local_rendering_needs_no_account_and_keeps_its_own_books(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        desk = at_desk(tmp_path, studio)
        small_template.write(tmp_path).rename(tmp_path / "bhuman-template.toml")
        desk.table("people.csv", [("Ada",)], header=("first_name",))
        assert desk.render("people.csv").code == 0
        bare: dict[str, str | None] = dict.fromkeys(desk.env, None) | {"BHUMAN_HOME": str(desk.home)}
        other = "3d9c1b52-94f0-4d5b-8d39-0d3c8c1c7f10"
        local = desk.run("render", "people.csv", "--local", "-c", other, "--json", env=bare)
        assert (local.code, local.rows["submitted"]) == (0, 1), local.err
        assert local.document["output"] == str(desk.folder / "people.local.csv")
        link = desk.column("url", "people.local.csv")[0]
        assert link.startswith("file:///")
        video = Path(link.removeprefix("file://"))
        assert video.stat().st_size > 2_000
        again = desk.run("render", "people.csv", "--local", "-c", other, "--json", env=bare)
        assert (again.code, again.rows["submitted"], again.rows["reused"]) == (0, 0, 1)
        assert len(studio.accepted()) == 1, "the other service heard nothing of it"
        video.unlink()
        anew = desk.run("render", "people.csv", "--local", "-c", other, "--json", env=bare)
        assert (anew.code, anew.rows["submitted"]) == (0, 1), "what is gone from disk is rendered again"


def test_what_is_left_of_a_local_run_is_rendered_by_who_asks_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    bare: dict[str, str | None] = dict.fromkeys(desk.env, None) | {"BHUMAN_HOME": str(desk.home)}
    desk.table("people.csv", [(f"Name{number}",) for number in range(6)], header=("first_name",))
    small_template.write(tmp_path).rename(tmp_path / "bhuman-template.toml")
    begun = desk.run("render", "people.csv", "--local", "--no-wait", "--json", env=bare)
    assert (begun.code, begun.rows["submitted"]) == (0, 6), begun.err
    memory = desk.home / "studio" / "studio.sqlite"
    sound = memory.rename(tmp_path / "sound")
    memory.write_bytes(b"no database" * 1000)
    broken = desk.run("render", "people.csv", "--local", "--json", env=bare)
    assert (broken.code, broken.error["hint"].split()) == (8, ["mv", str(memory), f"{memory}.damaged"]), broken.err
    sound.rename(memory)
    again = desk.run("resume", "--json", env=bare)
    assert (again.code, again.rows["succeeded"], again.rows["submitted"]) == (0, 6, 0), again.err
    videos = {Path(link.removeprefix("file://")) for link in desk.column("url", "people.local.csv")}
    assert len(videos) == 6
    assert all(video.is_file() for video in videos)


def test_an_edited_template_is_rendered_anew_and_an_old_one_is_remembered(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    bare: dict[str, str | None] = dict.fromkeys(desk.env, None) | {"BHUMAN_HOME": str(desk.home)}
    desk.table("people.csv", [("Ada",)], header=("first_name",))
    template = small_template.write(tmp_path).rename(tmp_path / "bhuman-template.toml")

    def planned() -> tuple[int, int]:
        plan = desk.run("render", "people.csv", "--local", "--dry-run", "--json", env=bare).document["plan"]
        return plan["new"], plan["reused"]

    assert desk.run("render", "people.csv", "--local", env=bare).code == 0
    assert planned() == (0, 1)
    template.write_text(small_template.TEMPLATE.replace("Hi ", "Hello "))
    assert planned() == (1, 0)
    first = (tmp_path / "people.local.csv").read_bytes()
    edited = desk.run("render", "people.csv", "--local", env=bare)
    assert "kept as people.local.csv.bak" in edited.err
    assert (tmp_path / "people.local.csv.bak").read_bytes() == first
    template.write_text(small_template.TEMPLATE)
    assert planned() == (0, 1)
    template.write_text(small_template.TEMPLATE.replace('video = "small.mp4"\n', ""))
    assert planned() == (1, 0), "so are these texts over the built-in presenter"
    template.unlink()
    assert planned() == (1, 0), "the built-in presenter is another video"


def test_a_template_takes_the_columns_it_knows_and_says_which_one_it_lacks(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    small_template.write(tmp_path).rename(tmp_path / "bhuman-template.toml")
    desk.table("people.csv", [("Ada", "ada@example.com", "")], header=("First Name", "email", "notes"))
    plan = desk.run("render", "people.csv", "--local", "--dry-run", "--json").document["plan"]
    assert (plan["new"], plan["sends"], plan["keeps"]) == (1, ["first_name"], ["email", "notes"])
    desk.table("firms.csv", [("Acme",)], header=("company",))
    lacking = desk.run("render", "firms.csv", "--local")
    assert lacking.code == 3
    assert "bhuman-template.toml needs first_name, and firms.csv has no such column" in lacking.err


def test_what_programs_read_is_said_after_the_download(tmp_path: Path) -> None:
    with running_studio(tmp_path, faults=(grammar.parse("render row=1: fail message=boom"),)) as studio:
        desk = at_desk(tmp_path, studio)
        desk.people(2)
        ended = desk.render("people.csv", "--download", "media", "--json")
        assert (ended.code, ended.rows["failed"], ended.error["code"]) == (5, 1, "rows_failed")
        assert " in media\n" in ended.err, "how many files there are is said, too"
        assert [path.name for path in sorted((tmp_path / "media").glob("*.mp4"))] == ["0000-Name0.mp4"]


def test_the_campaigns_record_says_its_variables_where_a_token_opens_it(tmp_path: Path) -> None:
    template = small_template.write(tmp_path)
    with running_studio(tmp_path, template=template) as studio:
        desk = at_desk(tmp_path, studio)
        desk.table("people.csv", [("Ann",), ("Bob",)], header=("First Name",))
        (desk.folder / "people.toml").write_text('variables = ["FirstName"]\n')
        closed = desk.render("people.csv", "--json")
        assert "is variable 'FirstName' (project file people.toml)" in closed.err
        assert closed.rows["submitted"] == 0, "the template has no such variable"
        opened = desk.render("people.csv", "--json", "--accept-changes", env={"BHUMAN_TOKEN": studio.bearer})
        assert "column 'First Name' is variable 'first_name' (the campaign's record)" in opened.err
        assert (opened.code, opened.rows["succeeded"]) == (0, 2)
        assert [row["variables"] for row in studio.accepted()] == [["first_name"]] * 2
        asked = [
            entry for entry in studio.requests() if entry["path"].endswith("/campaign") and entry["method"] == "GET"
        ]
        assert len(asked) == 1
        desk.render("people.csv", "--dry-run", env={"BHUMAN_TOKEN": studio.bearer})
        after = [
            entry for entry in studio.requests() if entry["path"].endswith("/campaign") and entry["method"] == "GET"
        ]
        assert len(after) == 1, "a dry run asks nobody"


def test_a_local_run_reaches_this_machine_only_where_it_is_allowed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    bare: dict[str, str | None] = dict.fromkeys(desk.env, None) | {"BHUMAN_HOME": str(desk.home)}
    small_template.write(tmp_path).rename(tmp_path / "bhuman-template.toml")
    shown = [{"start": 0, "end": 1, "kind": "link", "config": {"mode": "basic"}}]
    (tmp_path / "backgrounds.json").write_text(json.dumps(shown))
    picture = io.BytesIO()
    Image.new("RGB", (64, 36), (200, 30, 30)).save(picture, "PNG")
    with servers.byte_server(servers.reply(picture.getvalue())) as web:
        desk.table("people.csv", [("Ada", f"{web.url}/a.png")], header=("first_name", "picture"))
        command = ("render", "people.csv", "--local", "--asset", "picture", "--backgrounds", "backgrounds.json")
        closed = desk.run(*command, env=bare)
        assert (closed.code, desk.column("status", "people.local.csv")) == (5, ["failed"]), closed.err
        assert "private or local address" in desk.column("message", "people.local.csv")[0]
        opened = desk.run(*command, "--retry-failed", "--allow-private", env=bare)
        assert (opened.code, desk.column("status", "people.local.csv")) == (0, ["succeeded"]), opened.err
