"""Owns the filling of the studio's own HTML pages; everything is escaped."""

from __future__ import annotations

import functools
from typing import Any

import jinja2


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bhuman_cli.studio", "pages"), autoescape=True, undefined=jinja2.StrictUndefined
    )


def render_template(template: str, **values: Any) -> str:
    """Return a page of the studio."""
    return _environment().get_template(template).render(**values)
