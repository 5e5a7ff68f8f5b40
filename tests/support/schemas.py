"""The schemas as they are generated from the shapes: `python -m tests.support.schemas` writes what is shipped.

A shape that changed under an old number is refused: whoever parses `bhuman.render/2` was promised that shape.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jsonschema
from pydantic import TypeAdapter

from bhuman_cli import documents

FOLDER = Path(documents.__file__).parents[1] / "cli" / "schemas"
VERSIONS = Path(__file__).resolve().parents[1] / "data" / "schema_versions.json"


def generated(name: str) -> dict[str, Any]:
    """Return one document's schema."""
    found = TypeAdapter(documents.DOCUMENTS[name]).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://bhuman.ai/schema/{name}",
        **found,
    }


def version(name: str) -> str:
    """Return the number that a document carries, or the name where it has none."""
    shapes = [generated(name), *generated(name).get("$defs", {}).values()]
    constants = [shape.get("properties", {}).get("schema", {}).get("const", "") for shape in shapes]
    return next(filter(None, constants if name not in {"error", "progress", "listen"} else []), f"bhuman.{name}/1")


def digest(name: str) -> str:
    """Return a fingerprint of the shape."""
    return hashlib.sha256(json.dumps(generated(name), sort_keys=True).encode()).hexdigest()[:16]


@functools.cache
def _closed(name: str) -> dict[str, Any]:
    """Return a shipped schema under which a key that it does not name is wrong."""

    def close(node: Any) -> Any:
        if isinstance(node, list):
            return [close(item) for item in node]
        if not isinstance(node, dict):
            return node
        closed = {key: close(value) for key, value in node.items()}
        return closed | {"additionalProperties": False} if "properties" in node else closed

    found: dict[str, Any] = close(json.loads((FOLDER / f"{name}.json").read_text()))
    return found


@functools.cache
def _names() -> dict[str, str]:
    return {version(name): name for name in documents.DOCUMENTS}


def require_valid(document: Any, name: str = "") -> None:
    """Refuse a document that is not of the shape that its number (or the name) promises, one key too many included."""
    number = document.get("schema") if isinstance(document, dict) else None
    jsonschema.validate(document, _closed(name or _names()[str(number)]))


_PASSED_ON: Final = (
    "api", "schema", "campaigns show", "campaigns create", "campaigns update", "instances show", "instances create",
    "instances update", "webhooks create", "import-speakeasy", "trigger",
)  # fmt: skip
"""What prints the service's own words, a request as it would be sent, or schemas."""


def require_documents(arguments: Sequence[str], out: str, err: str) -> None:
    """Refuse what a command with `--json` or `--progress json` printed, where it is not as its schema says."""
    words = " ".join(arguments)
    is_asked = arguments[0] == "preview" and {"-c", "-i", "--campaign", "--instance"} & set(arguments)
    is_ours = not (words.startswith(_PASSED_ON) or is_asked)
    if "--json" in arguments:
        is_stream = arguments[0] in {"events", "listen"} or ("resume" in arguments and "--all" in arguments)
        for line in out.splitlines() if is_stream else filter(None, [out.strip()]):
            document = json.loads(line)
            if isinstance(document, dict) and (is_ours or "schema" in document) and "$schema" not in document:
                require_valid(document, "listen" if arguments[0] == "listen" else "")
    if "--progress json" in words:
        for line in err.splitlines():
            require_valid(json.loads(line), "progress")
    elif "--json" in arguments and (last := err.strip().rpartition("\n")[2]).startswith('{"error"'):
        require_valid(json.loads(last), "error")


def main() -> None:
    """Write the schemas, and the fingerprint of each new version."""
    known: dict[str, str] = json.loads(VERSIONS.read_text()) if VERSIONS.is_file() else {}
    FOLDER.mkdir(exist_ok=True)
    for name in documents.DOCUMENTS:
        key = f"{name} {version(name)}"
        if known.setdefault(key, digest(name)) != digest(name):
            raise SystemExit(f"{name}: the shape changed, but not its number {version(name)}")
        (FOLDER / f"{name}.json").write_text(json.dumps(generated(name), indent=1) + "\n")
    VERSIONS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
