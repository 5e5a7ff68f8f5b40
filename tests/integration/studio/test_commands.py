"""`bhuman studio faults` and `bhuman studio template`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bhuman_cli.cli import app


@pytest.fixture
def bhuman(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(["studio", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_faults_are_listed_on_stdout(bhuman: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = bhuman("faults")
    assert (code, err) == (0, "")
    assert "POST pipeline/campaign#2: drop-after-acceptance" in out


def test_a_new_template_takes_the_columns_and_is_good(
    bhuman: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text("first_name,company\nAlex,ExampleCo\n")
    code, out, _ = bhuman("template", "new", "--for", "leads.csv")
    assert (code, out) == (0, "bhuman-template.toml\n")
    code, out, _ = bhuman("template", "check")
    assert code == 0
    assert "variables first_name, company" in out
    code, out, _ = bhuman("template", "list", "--json")
    listed = json.loads(out)
    assert [one["file"] for one in listed["templates"]] == [None, "bhuman-template.toml"]
    assert listed["templates"][1]["variables"] == ["first_name", "company"]
    assert "lower-third" in listed["styles"]


def test_a_template_is_not_replaced_by_accident(bhuman: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "bhuman-template.toml").write_text("mine")
    code, out, err = bhuman("template", "new")
    assert (code, out) == (2, "")
    assert "--force" in err
    assert (tmp_path / "bhuman-template.toml").read_text() == "mine"
    assert bhuman("template", "new", "--force")[0] == 0


def test_a_bad_template_is_exit_3_with_everything_wrong_with_it(
    bhuman: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        '[[variables]]\nname = "a"\nstart = 0\nend = 2\ntext = "{a}"\nstyle = "neon"\n'
        '[[variables]]\nname = "b"\nstart = 5\nend = 3\ntext = "{b}"\n'
    )
    code, out, err = bhuman("template", "check", "bad.toml", "--json")
    assert (code, out) == (3, "")
    problems = json.loads(err.splitlines()[-1])["error"]["problems"]
    assert len(problems) == 2
    assert "neon" in problems[0]["rule"]
    assert bhuman("template", "check", "missing.toml")[0] == 3
    code, _, err = bhuman("serve", "--template", "bad.toml", "--home", "home", "--port", "0")
    assert code == 2
    assert "bhuman studio template check" in err


def test_a_new_template_is_never_written_through_a_link(
    bhuman: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "bhuman-template.toml").symlink_to(tmp_path / "elsewhere")
    assert bhuman("template", "new")[0] == 2
    assert bhuman("template", "new", "--force")[0] == 0
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "bhuman-template.toml").is_symlink()
