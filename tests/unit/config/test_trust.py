"""What a project file may not do on its own, and what trusts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bhuman_cli.config import settings, trust
from bhuman_cli.errors import Refusal


def load(tmp_path: Path, **flags: object) -> settings.Settings:
    environ = {"BHUMAN_HOME": str(tmp_path / "home")}
    return settings.load(flags=flags, input_path=tmp_path / "in" / "campaign.csv", environ=environ)


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "in").mkdir(exist_ok=True)
    path = tmp_path / "in" / "campaign.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("max_rows = 2000", ()),
        ("max_rows = 2001", ("max_rows",)),
        ('callback_url = "https://a.example"', ("callback_url",)),
        ('profile = "other"', ("profile",)),
        ("no_input = true", ("no_input",)),
        ("no_input = false", ()),
        ('output = "r.csv"\ndownload = "media"', ()),
        ('output = "../r.csv"', ("output",)),
        ('backgrounds = "/etc/passwd"', ("backgrounds",)),
        ('download = "~/videos"', ("download",)),
        ('output = "way/r.csv"', ("output",)),  # `way` is a link out of the folder
        ('only = ["a"]\nlimit = 5\nchunk_size = 7\nstrict = true', ()),
    ],
)
def test_what_spends_or_leads_elsewhere_waits_for_trust(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    write(tmp_path, text)
    (tmp_path / "in" / "way").symlink_to(tmp_path)
    found = load(tmp_path)
    assert found.untrusted == names
    for name in names:
        with pytest.raises(Refusal, match=name.replace("_", "-")) as caught:
            found.get(name)
        assert (caught.value.code, int(caught.value.exit_code)) == ("untrusted_settings", 7)
        assert found.trusting().get(name) is not None


def test_trust_is_in_one_path_and_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "max_rows = 5000")
    state = tmp_path / "home"
    state.mkdir()
    trust.keep(state, path, trust.fingerprint(path, path.read_bytes()))
    assert load(tmp_path).untrusted == ()
    path.write_text("max_rows = 5001")
    assert load(tmp_path).untrusted == ("max_rows",)
    path.write_text("max_rows = 5000")
    assert load(tmp_path).untrusted == (), "the same bytes again"
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    (tmp_path / "in").mkdir()
    moved = tmp_path / "elsewhere" / "campaign.toml"
    assert not trust.is_trusted(state, trust.fingerprint(moved, moved.read_bytes()))
    (state / trust.FILE_NAME).write_text("{")
    assert not trust.is_trusted(state, trust.fingerprint(path, b"max_rows = 5000")), "damaged means not trusted"


def test_what_a_flag_says_needs_no_trust(tmp_path: Path) -> None:
    write(tmp_path, "max_rows = 5000")
    assert load(tmp_path, max_rows=9000).untrusted == ()
