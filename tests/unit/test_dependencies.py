"""Locked dependencies: all of pyproject.toml, each with hashes, from no particular host, and with a licence listed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
_PACKAGE = re.compile(r"^([a-z0-9-]+)==(\S+)(.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+)", re.MULTILINE)


def locked(name: str) -> dict[str, list[str]]:
    text = (REPOSITORY / ".ci" / name).read_text("utf-8")
    versions: dict[str, list[str]] = {}
    for package, version, _ in _PACKAGE.findall(text):
        versions.setdefault(package, []).append(version)
    assert len(re.findall(r"^[a-z]", text, re.MULTILINE)) == sum(map(len, versions.values())), "one has no hash"
    assert "://" not in text
    return versions


@pytest.mark.parametrize(("name", "extras"), [("requirements.lock", ["studio"]), ("requirements-dev.lock", ["dev"])])
def test_the_lock_holds_what_pyproject_asks_for(name: str, extras: list[str]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + [text for extra in extras for text in project["optional-dependencies"][extra]]
    versions = locked(name)
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name != "bhuman":
            found = versions[canonicalize_name(requirement.name)]
            assert all(requirement.specifier.contains(version) for version in found), f"{text}: {found}; lock anew"


def test_every_package_that_is_installed_for_people_has_its_licence_listed() -> None:
    listed = dict(
        re.findall(r"^\| ([a-z][\w-]+) \| (.+) \|$", (REPOSITORY / ".github/LICENCES.md").read_text("utf-8"), re.M)
    )
    listed.pop("package")
    versions = locked("requirements.lock")
    assert sorted(listed) == sorted(versions)
    for name in versions:
        try:
            said = importlib.metadata.metadata(name).json.get("license_expression")
        except importlib.metadata.PackageNotFoundError:
            continue  # of another system
        assert said in {None, listed[name]}
