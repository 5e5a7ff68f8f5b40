"""Rows of a gallery page as its script reads them."""

from __future__ import annotations

import json
import re
from typing import Any

FIELDS = ("r", "s", "l", "i", "p", "v", "t", "g", "m", "w", "d", "q", "n")
LINKS = "pvtgw"


def cards(html: str) -> list[dict[str, Any]]:
    """Return the rows as the page's script reads them, without what is empty."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    data = json.loads(found[1])
    return [_card(dict(zip(FIELDS, sent, strict=False)), data["forms"]) for sent in data["cards"]]


def _card(sent: dict[str, Any], forms: list[str]) -> dict[str, Any]:
    for name in LINKS:
        match sent.get(name):
            case int(place):
                sent[name] = forms[place].replace("{}", str(sent.get("i", "")))
            case [int(place), text]:
                sent[name] = forms[place].replace("{}", str(text))
    return {name: value for name, value in sent.items() if value or name in "rs"}
