from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bhuman_cli.domain import RESULT_COLUMNS, Background, Row, RowState
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.checked_table import TableOptions
from bhuman_cli.table.checks import row_checker, rules
from bhuman_cli.table.output import results_file
from tests.support.intakes import said, take

BACKGROUND = Background(start=0, end=5, kind="link", config={"mode": "basic"})


def test_values_are_trimmed_and_cells_are_not(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, " name ,company\n Ann ,\u00a0Acme\u200b\n", sets=["plan=Gold"])
    assert rows == [Row(row_index=0, line=2, cells=(" Ann ", "\u00a0Acme\u200b"), values=("Ann", "Acme", "Gold"))]
    assert (opened.variables, opened.columns) == (("name", "company", "plan"), (" name ", "company"))
    assert not opened.problems


def test_a_plain_row_and_a_row_looked_at_closely_are_made_alike(tmp_path: Path) -> None:
    rows, _ = take(tmp_path, "name,company\nAnn,Acme\nBob ,Acme\n")
    assert rows[0] == Row(row_index=0, line=2, cells=("Ann", "Acme"), values=("Ann", "Acme"))
    assert rows[1] == Row(row_index=1, line=3, cells=("Bob ", "Acme"), values=("Bob", "Acme"))
    assert {type(row) for row in rows} == {Row}
    assert hash(rows[0]) == hash(Row(row_index=0, line=2, cells=("Ann", "Acme"), values=("Ann", "Acme")))


def test_blank_rows_are_skipped_and_keep_their_number(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,company\nAnn,Acme\n\n , \nBob,Acme\n\n")
    assert [(row.row_index, row.line, row.state) for row in rows] == [
        (0, 2, RowState.PENDING),
        (1, 3, RowState.SKIPPED),
        (2, 4, RowState.SKIPPED),
        (3, 5, RowState.PENDING),
    ]
    assert rows[2].cells == (" ", " ")
    assert not opened.problems


def test_a_default_stands_in_for_a_blank_cell_and_the_message_says_so(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,company\nAnn,\nBob,Acme\n", defaults=["company=your team"])
    assert (rows[0].values, rows[0].message) == (("Ann", "your team"), "default used for company")
    assert (rows[1].values, rows[1].message) == (("Bob", "Acme"), "")
    assert not opened.problems


def test_a_target_that_needs_no_value_takes_what_is_there_but_no_blank_row(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,company\nAnn,\n,\nBob,Acme\n", may_be_blank=True)
    assert [(row.state, row.values) for row in rows] == [
        (RowState.PENDING, ("Ann", "")), (RowState.SKIPPED, ()), (RowState.PENDING, ("Bob", "Acme")),
    ]  # fmt: skip
    assert not opened.problems


def test_an_invalid_row_has_no_values_and_says_why_without_the_value(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,company\nAnn,{{company}}\n,Acme\n", maps=["first_name=name"])
    assert [(row.state, row.values) for row in rows] == [(RowState.INVALID, ())] * 2
    assert rows[0].message == "company: holds a placeholder that was never filled in"
    assert rows[1].message == "name: empty, but every variable needs a value"
    assert said(opened)[1] == (1, 3, "name", "empty, but every variable needs a value", "error")
    assert list(opened.problems)[1].hint == "--default first_name=VALUE"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{{first_name}}",
            "Hi {{ x }}",
            "{% name %}",
            "*|FNAME|*",
            "{!Contact.FirstName}",
            "${name}",
            "%%name%%",
            "[[name]]",
            "<<name>>",
        ),
        *("{name}", "[Name]", "<name>", "%NAME%"),
    ],
)
def test_placeholders_are_errors(tmp_path: Path, text: str) -> None:
    assert take(tmp_path, f'name\n"{text}"\n')[0][0].state is RowState.INVALID


@pytest.mark.parametrize("text", ["{Acme}", "[sic]", "<3", "100%", "5 < 6", "a % b %", "A*B", "Ben & Jerry's", "$5"])
def test_signs_that_are_no_placeholder_pass(tmp_path: Path, text: str) -> None:
    rows, opened = take(tmp_path, f'company\n"{text}"\n')
    assert (rows[0].values, len(opened.problems)) == ((text,), 0)


@pytest.mark.parametrize("text", ["a\x07b", "\x1f", "a\x7f", "\x85\x9b31m", "bell\x07", "\x0b"])
def test_control_characters_are_errors_even_at_an_edge(tmp_path: Path, text: str) -> None:
    _, opened = take(tmp_path, f'a,b\n"{text}",x\n')
    assert [rule for *_, rule, _ in said(opened)] in (
        ["holds a control character"],
        ["empty, but every variable needs a value"],
    )


def test_tabs_inside_a_value_are_no_problem(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, '"a"\n"x\ty"\n', read=reader.ReadOptions(delimiter=","))
    assert (rows[0].values, len(opened.problems)) == (("x\ty",), 0)


@pytest.mark.parametrize(
    ("column", "text", "rule"),
    [
        *(("company", text, "looks like missing data") for text in ["N/A", "null", "undefined", "NaN", "none", "-"]),
        ("company", "two\nlines", "holds a line break"),
        ("company", "two\u2028lines", "holds a line break"),
        ("company", "Caf\ufffd", "holds a replaced character: the encoding was read wrong once"),
        ("first_name", "I am Ann and I would like this", "a whole sentence in a name"),
        ("Last Name", "Please call me Ann.", "a whole sentence in a name"),
        ("name", "Hi Ann", "a whole sentence in a name"),
        ("name", "HELLO, Ann", "a whole sentence in a name"),
        ("cta_url", "http://example.com", "an http:// address"),
        ("Booking Link", "example.com/x", "an address without https://"),
        ("URL", "javascript:alert(1)", "an address without https://"),
    ],
)
def test_warnings_leave_the_row_pending_and_strict_makes_them_errors(
    tmp_path: Path, column: str, text: str, rule: str
) -> None:
    content = f'{column},x\n"{text}",y\n'
    rows, opened = take(tmp_path, content)
    assert said(opened) == [(0, 2, column, rule, "warning")]
    assert (rows[0].state, rows[0].values[0], opened.problems.errors) == (RowState.PENDING, text, 0)
    rows, opened = take(tmp_path, content, strict=True)
    assert said(opened) == [(0, 2, column, rule, "error")]
    assert (rows[0].state, opened.problems.warnings) == (RowState.INVALID, 0)


def test_names_and_addresses_as_they_should_be_pass(tmp_path: Path) -> None:
    text = (
        "first_name,cta_url\nMaria da Silva Santos Jr.,https://example.com/a?b=1\nDr. Ann B. Lee,HTTPS://EXAMPLE.COM\n"
    )
    assert len(take(tmp_path, text)[1].problems) == 0


def test_error_texts_of_spreadsheets_are_errors(tmp_path: Path) -> None:
    _, opened = take(tmp_path, "name,company\n#REF!,x\n#N/A,x\n")
    assert [rule for *_, rule, _ in said(opened)] == ["holds the error #REF!", "holds the error #N/A"]


def test_equal_rows_are_a_warning_that_names_the_first(tmp_path: Path) -> None:
    _, opened = take(tmp_path, "name,mail\nAnn,a\nBob,b\n Ann ,c\nAnn,d\n", exclude=["mail"])
    assert said(opened) == [
        (2, 4, "", "the same values as an earlier row", "warning"),
        (3, 5, "", "the same values as an earlier row", "warning"),
    ]
    assert all("line 2" in problem.hint for problem in opened.problems)


def test_equal_rows_are_found_across_blocks(tmp_path: Path) -> None:
    body = "".join(f"P{number}\n" for number in range(1000))
    _, opened = take(tmp_path, f"name\n{body}P7\n")
    assert said(opened) == [(1000, 1002, "", "the same values as an earlier row", "warning")]


def test_memory_for_equal_rows_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_checker, "MAX_DISTINCT", 200)
    body = "".join(f"P{number}\n" for number in range(1000))
    _, opened = take(tmp_path, f"name\n{body}P7\nP990\n")
    assert [row for row, *_ in said(opened)] == [1000]


def test_a_row_over_5_mib_is_an_error(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, f"name,x\nAnn,{'y' * (5 << 20)}\nBob,{'é' * (1 << 19)}\nCy,{'é' * (3 << 20)}\n")
    assert [row.state for row in rows] == [RowState.INVALID, RowState.PENDING, RowState.INVALID]
    assert all("5 MiB" in problem.rule for problem in opened.problems)


def test_rows_outside_the_selection_are_neither_checked_nor_counted(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name\nAnn\n\n{{x}}\nBob\nCy\n", rows="0-1,3-", limit=2)
    assert [(row.row_index, row.selected, row.state) for row in rows] == [
        (0, True, RowState.PENDING),
        (1, True, RowState.SKIPPED),
        (2, False, RowState.PENDING),
        (3, True, RowState.PENDING),
        (4, False, RowState.PENDING),
    ]
    assert rows[4].values == ("Cy",)
    assert not opened.problems


def test_a_selection_of_nothing_is_said(tmp_path: Path) -> None:
    _, opened = take(tmp_path, "name\nAnn\n", rows="5-9")
    assert [rule for *_, rule, _ in said(opened)] == ["--rows and --limit select no row of this file"]


def test_bad_constants_are_refused_before_any_row(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--set plan: holds a placeholder"):
        take(tmp_path, "name\nAnn\n", sets=["plan={{plan}}"])
    with pytest.raises(UsageError, match="--default name: holds a control character"):
        take(tmp_path, "name\nAnn\n", defaults=["name=a\x07b"])
    _, opened = take(tmp_path, "name\nAnn\n", sets=["cta_url=http://x.io"])
    assert said(opened) == [(None, None, "cta_url", "--set: an http:// address", "warning")]


def test_a_file_without_data_rows_is_refused_unless_allowed(tmp_path: Path) -> None:
    for text in ("name\n", "name\n\n,\n"):
        with pytest.raises(InputError, match="no data rows") as refused:
            take(tmp_path, text)
        assert "--allow-empty" in refused.value.hint
        assert take(tmp_path, text, allow_empty=True)[0] == []
    assert take(tmp_path, "", allow_empty=True, only=["name"])[0] == []


def test_result_columns_that_are_no_longer_the_last_ones_are_named_with_the_way_out(tmp_path: Path) -> None:
    text = f"name,{','.join(RESULT_COLUMNS)},notes\nAnn,0,x,queued,,,,,,,,,mine\n"
    _, opened = take(tmp_path, text)
    assert f"--exclude {','.join(RESULT_COLUMNS)}" in opened.notices[-1]
    assert take(tmp_path, text, only=["name"])[1].notices == []


def test_an_earlier_results_file_is_recognised_and_its_columns_are_replaced(tmp_path: Path) -> None:
    columns = ",".join(results_file.result_header(["name", "url"]))
    rows, opened = take(tmp_path, f"name,url,{columns}\nAnn,https://x.io,0,id{',' * 9}\n,,1,,skipped{',' * 8}\n")
    assert opened.is_earlier_results
    assert (opened.columns, opened.variables) == (("name", "url"), ("name", "url"))
    assert [(row.cells, row.state) for row in rows] == [
        (("Ann", "https://x.io"), RowState.PENDING),
        (("", ""), RowState.SKIPPED),
    ]
    assert "earlier results" in opened.notices[-1]


def test_rows_can_be_read_again_and_problems_are_not_doubled(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,x\n,1\nAnn,2\nAnn,2\n")
    first = said(opened)
    assert list(opened.rows()) == rows
    assert said(opened) == first


def test_stdin_is_read_twice_and_its_copy_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("name;company\nZoë;Acme\n".encode())))
    opened = checked_table.open_table(None, TableOptions())
    assert [row.values for row in opened.rows()] == [row.values for row in opened.rows()] == [("Zoë", "Acme")]
    assert opened.table.name == "stdin"


def test_a_file_that_is_saved_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("name\nAnn\n")
    opened = checked_table.open_table(path, TableOptions())
    path.write_text("name\nAnn\nBob\n")
    with pytest.raises(InputError, match="was changed while it was being read"):
        list(opened.rows())
    path.unlink()
    with pytest.raises(InputError, match="while it was being read"):
        list(opened.rows())


def test_formats_that_are_not_applied_are_one_warning_per_column(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["name", "share", "email"])
    for number in range(5):
        sheet.append([f"P{number}", number / 8, number / 8])
        for column in "BC":
            sheet[f"{column}{number + 2}"].number_format = "0.0%"
    book.save(tmp_path / "people.xlsx")
    opened = checked_table.open_table(tmp_path / "people.xlsx", TableOptions(exclude=["email"]))
    assert [row.values[1] for row in opened.rows()] == ["0", "0.125", "0.25", "0.375", "0.5"]
    assert said(opened) == [(None, 1, "share", "the number format 0.0% is not applied", "warning")]


def test_error_cells_stop_their_row_even_with_a_default_unless_the_column_is_not_sent(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "data/tables/errors.xlsx"
    opened = checked_table.open_table(source, TableOptions(defaults=["company=x", "name=y"]))
    assert [(row.state, row.message) for row in opened.rows()] == [
        (RowState.INVALID, "company: holds the error #N/A"),
        (RowState.INVALID, "name: holds a formula whose result was never stored"),
    ]
    opened = checked_table.open_table(source, TableOptions(only=["name"], rows="0"))
    assert next(opened.rows()).values == ("Ann",)


PLANTED: list[tuple[str, str, str]] = [
    *(("", "company", "empty, but every variable needs a value") for _ in range(8)),
    *((f"Secret{{{{x{number}}}}}", "company", "placeholder") for number in range(8)),
    *((f"Secret\x07{number}", "company", "control character") for number in range(8)),
    *((f"ftp://secret/{number}", "logo", "not an http or https address") for number in range(8)),
    *(("#REF!", "company", "holds the error") for _ in range(6)),
    *(("N/A", "company", "missing data") for _ in range(4)),
    *((f"Secret{number}\nLine", "company", "line break") for number in range(4)),
    *((f"http://secret.example/{number}", "cta_url", "http:// address") for number in range(4)),
]


def test_fifty_planted_problems_are_all_found_in_one_pass_and_no_value_is_told(tmp_path: Path) -> None:
    assert len(PLANTED) == 50
    lines, expected = ["company,cta_url,logo"], list[tuple[int, str, str]]()
    for number, (text, column, rule) in enumerate(PLANTED):
        lines.append(f"Firm {number},https://example.com/{number},")  # a good row before each bad one
        cells = {"company": f"Private {number}", "cta_url": f"https://private/{number}", "logo": "", column: text}
        lines.append(",".join(f'"{cells[name]}"' for name in ("company", "cta_url", "logo")))
        expected.append((2 * number + 1, column, rule))
    rows, opened = take(tmp_path, "\n".join(lines), asset_columns=["logo"], backgrounds=[BACKGROUND])
    found = list(opened.problems)
    assert len(found) == 50
    for problem, (row_index, column, rule) in zip(found, expected, strict=True):
        assert (problem.row_index, problem.column) == (row_index, column)
        assert rule in problem.rule
        assert problem.hint
    assert [problem.line for problem in found] == [rows[row_index].line for row_index, _, _ in expected]
    opened.problems.write_csv(tmp_path / "people.problems.csv")
    told = (tmp_path / "people.problems.csv").read_text("utf-8")
    told += json.dumps(opened.problems.as_json(warnings=True)) + "".join(map(str, opened.problems.grouped()))
    told += "".join(row.message for row in rows)
    assert not any(word in told.lower() for word in ("secret", "private", "{{x"))


def test_the_sieve_knows_every_name_that_rules_judge_by() -> None:
    names = rules.column_rules(("cta_url", "first_name", "company"), ())
    assert (names.urls, names.people) == ((0,), (1,))


@pytest.mark.parametrize(
    ("text", "row_index", "line", "rule"),
    [
        ('name,company\nAnn,"x\n', None, 2, "a quote is opened here and never closed"),
        ("name,name\nAnn,Lee\n", None, 1, "columns 1 and 2 are both named 'name'"),
        ("name\n", None, None, "no data rows, only a header"),
        ("", None, None, "the file is empty, not even a header"),
    ],
)
def test_a_malformed_file_is_one_problem_for_programs(
    tmp_path: Path, text: str, row_index: int | None, line: int | None, rule: str
) -> None:
    with pytest.raises(InputError) as refused:
        take(tmp_path, text)
    assert [{**each, "hint": ""} for each in refused.value.problems] == [
        {"row_index": row_index, "line": line, "column": "name" if "both" in rule else "", "rule": rule, "hint": ""}
    ]
    assert refused.value.message.endswith(rule)
