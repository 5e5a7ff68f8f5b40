"""The schemas as they are generated from the shapes: `python -m tests.support.schemas` writes what is shipped.

A shape that changed under an old number is refused: whoever parses `bhuman.render/2` was promised that shape.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
from pydantic import TypeAdapter

from bhuman_cli import documents

FOLDER = Path(documents.__file__).parent / "cli" / "schemas"
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
    constant = generated(name).get("properties", {}).get("schema", {}).get("const", "")
    return str(constant or f"bhuman.{name}/1")


def digest(name: str) -> str:
    """Return a fingerprint of the shape."""
    return hashlib.sha256(json.dumps(generated(name), sort_keys=True).encode()).hexdigest()[:16]


def require_valid(document: Any) -> None:
    """Refuse a document that carries a schema's number and is not of its shape."""
    number = document.get("schema") if isinstance(document, dict) else None
    name = str(number).removeprefix("bhuman.").partition("/")[0]
    if number is not None and name in documents.DOCUMENTS:
        jsonschema.validate(document, json.loads((FOLDER / f"{name}.json").read_text()))


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
