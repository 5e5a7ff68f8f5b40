"""Owns a template with all its files as one parcel for a machine that does not share our folders. Sends nothing."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli.studio.render import template

NAME: Final = "template.toml"
MOST_BYTES: Final = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A template's files by their new names; those that it names are named so in it."""

    files: tuple[tuple[str, bytes], ...]
    digest: str


def pack(path: Path) -> Bundle:
    """Read a template with its footage and fonts.

    Raises:
        template.TemplateError: it is none, or too large to be sent.
    """
    template.load(path)
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
        files = _renamed(data, path.parent)
    except OSError as problem:
        raise template.TemplateError(f"template {path.name}: can't be read ({problem.strerror})") from None
    files[NAME] = _toml(data).encode()
    if sum(map(len, files.values())) > MOST_BYTES:
        raise template.TemplateError(
            f"template {path.name}: over {MOST_BYTES // 2**20} MiB can't be sent; share its folder with the cluster"
        )
    seen = hashlib.sha256()
    for name, content in sorted(files.items()):
        seen.update(f"{name} {len(content)} ".encode() + content)
    return Bundle(files=tuple(files.items()), digest=seen.hexdigest()[:32])


def unpack(bundle: Bundle, folder: Path) -> None:
    """Lay the files out; the folder is there whole or not at all."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    for name, content in bundle.files:
        (made / name).write_bytes(content)
    os.replace(made, folder)  # noqa: PTH105 - Path.replace() of a folder reads as if it were of a file


def _renamed(data: dict[str, Any], folder: Path) -> dict[str, bytes]:
    """Return the files that a template names, and let it name them anew."""
    files: dict[str, bytes] = {}
    if data.get("video"):
        video = (folder / data["video"]).expanduser()
        data["video"] = f"footage{video.suffix}"
        files[data["video"]] = video.read_bytes()
    for number, section in enumerate(data.get("variables", [])):
        if section.get("font", "bold") not in {"bold", "regular"}:
            font = folder / section["font"]
            section["font"] = f"font-{number}{font.suffix}"
            files[section["font"]] = font.read_bytes()
    return files


def _toml(data: Mapping[str, Any]) -> str:
    return "".join(f"{_value(key)} = {_value(value)}\n" for key, value in data.items())


def _value(value: object) -> str:
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{_value(key)} = {_value(inside)}" for key, inside in value.items()) + " }"
        case list():
            return "[" + ", ".join(_value(inside) for inside in value) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return json.dumps(value)
