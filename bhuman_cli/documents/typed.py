"""TypedDict as pydantic, which writes the schemas, reads it before Python 3.12; the usual one without it."""

try:
    from typing import NotRequired

    from typing_extensions import TypedDict
except ImportError:
    from typing import NotRequired, TypedDict

__all__ = ["NotRequired", "TypedDict"]
