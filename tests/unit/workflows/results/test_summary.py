from __future__ import annotations

from bhuman_cli.workflows.results import summary


def _row(index: int, status: str, message: str = "", identifier: str = "") -> dict[str, str]:
    return {"line": str(index), "status": status, "message": message, "id": identifier}


def test_failures_are_grouped_by_reason_whatever_their_numbers() -> None:
    rows = [_row(n, "succeeded") for n in range(5)]
    rows += [_row(n, "failed", f"asset {n} is 40{n} bytes", f"{n}10ee155-6202-4cec-9a40") for n in (5, 6, 7, 9)]
    rows += [_row(8, "invalid", "column company: empty")]
    found = summary.summarize(rows, files=["out.csv", "media/"], next_command="bhuman resume r1")
    assert [(reason.status, reason.lines) for reason in found.reasons] == [("failed", (5, 6, 7, 9)), ("invalid", (8,))]
    text = summary.lines(found)
    assert text[0] == "10 rows: 5 succeeded, 4 failed, 1 invalid"
    assert "lines 5-7, 9" in text[1]
    assert "BH-RENDER-FAILED 510ee155…, 610ee155…, 710ee155…" in text[2]
    assert text[-3:] == ["results: out.csv", "files: media/", "next: bhuman resume r1"]
    assert "6202" not in "".join(text)


def test_what_is_nearest_to_money_comes_first() -> None:
    rows = [_row(0, "invalid", "a"), _row(1, "invalid", "a"), _row(2, "in_doubt", "b"), _row(3, "failed", "c")]
    assert [reason.status for reason in summary.summarize(rows).reasons] == ["in_doubt", "failed", "invalid"]


def test_many_reasons_are_cut_and_counted() -> None:
    rows = [_row(n, "failed", chr(97 + n)) for n in range(9)]
    assert "4 more rows for 4 other reasons" in "\n".join(summary.lines(summary.summarize(rows)))


def test_a_servers_words_can_not_paint_the_terminal() -> None:
    text = "\n".join(
        summary.lines(summary.summarize([_row(0, "failed", "\x1b[31mred\x07\nnext: rm -rf\u202e" + "x" * 999)]))
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 2
    assert max(map(len, text.splitlines())) < 220


def test_line_numbers_are_short() -> None:
    assert summary.line_numbers([3]) == "line 3"
    assert summary.line_numbers([4, 1, 2, 2]) == "lines 1-2, 4"
    assert summary.line_numbers(range(0, 100, 2)).endswith("and 42 more")


def test_nothing_to_say_is_said() -> None:
    assert summary.lines(summary.summarize([])) == ["0 rows: none"]
