"""Questions are harmless to the terminal they are asked on, whatever a header or a server put into them."""

from __future__ import annotations

import io

import pytest

from bhuman_cli.terminal.console import Console

HOSTILE = "variables x\x1b[2K\x1b[1A\x1b]0;title\x07\u202eoh\x9b2J go on?"


@pytest.mark.parametrize("ask", [lambda: Console().confirm(HOSTILE), lambda: Console().ask(HOSTILE)])
def test_a_question_carries_no_escape_to_the_terminal(
    ask: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert callable(ask)
    ask()
    asked = capsys.readouterr().err
    assert "go on?" in asked
    assert not set(asked) & set("\x1b\x07\x9b\u202e")
