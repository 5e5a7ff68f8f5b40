"""The quick way and the careful way through the checks agree."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bhuman_cli.table import mapping, selection
from bhuman_cli.table.checks import row_checker, rules
from bhuman_cli.table.formats import csv_records

HEADER = ("first_name", "company", "cta_url")
WORDS = st.sampled_from(
    [
        *(
            "Ann",
            "Acme",
            "https://x.io",
            "N/A",
            "NaN",
            "nUlL",
            "",
            " ",
            "|",
            "a|b",
            "*|F|*",
            "{{x}}",
            "[a]",
            "<company>",
        ),
        *(
            "Please call me Ann.",
            "Hi Ann",
            "Dear",
            "Maria da Silva Neto",
            "é",
            "李雷",
            "\u200b",
            "�",
            "http://x",
            "x\ny",
            "\x07",
            "%%a%%",
        ),
    ]
)
CELLS = st.one_of(WORDS, st.text(max_size=8), st.builds("{} {}".format, WORDS, WORDS))
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6)


def block(rows: list[tuple[str, str, str]]) -> list[csv_records.Record]:
    return [(number, number + 2, cells, csv_records.NO_FLAWS) for number, cells in enumerate(rows)]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
@example([("Ann", "Acme", "https://x.io")])
def test_who_passes_the_sieve_has_no_finding(rows: list[tuple[str, str, str]]) -> None:
    names = rules.column_rules(HEADER, HEADER)
    passed = row_checker.FastCheck((0, 1, 2), names, 3).clean(block(rows))
    if passed is None:
        return
    for values, cells in zip(passed, rows, strict=True):
        assert values == tuple(cell.strip(rules.EDGES) for cell in cells)
        assert rules.check_values(names, cells, values, csv_records.NO_FLAWS) == []


def test_the_sieve_lets_ordinary_rows_of_many_scripts_pass() -> None:
    rows = [
        ("Zoë", "Käse & Söhne", "https://x.io"),
        ("李雷", "北京烤鸭", "https://y.io"),
        ("Ann", "A/B", "https://z.io"),
    ]
    assert row_checker.FastCheck((0, 1, 2), rules.column_rules(HEADER, HEADER), 3).clean(block(rows)) == rows


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_blocks_change_nothing(rows: list[tuple[str, str, str]]) -> None:
    plan = mapping.plan(HEADER, mapping.MappingOptions(exclude=["company"]))
    names = rules.column_rules(plan.variables, HEADER)

    def run(blocks: list[list[csv_records.Record]]) -> tuple[list[object], list[object]]:
        told: list[object] = []

        def report(row_index: int | None, line: int | None, finding: rules.Finding) -> bool:
            told.append((row_index, line, finding))
            return finding[3] == "error"

        chosen = selection.Selection()
        one = row_checker.RowChecker(HEADER, plan, names, chosen, report, row_checker.RowOptions())
        return list(one.run(iter(blocks))), told

    whole = block(rows)
    assert run([whole]) == run([[record] for record in whole])


URLS = st.one_of(
    CELLS,
    st.from_regex(r"(https?:)?(//)?[a-z0-9.\-]{1,8}(:\d{1,5})?(/[ -~]{0,6})?", fullmatch=True),
    st.sampled_from(
        ["https://x.io/a?b=c#d", "cdn.x.io", "x.io:80/a", "{{a}}.io", "x.io/{{a}}", "https://x.io/<a>", "//x.io"]
    ),
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(URLS)
def test_an_ordinary_address_is_what_the_careful_reading_says(cell: str) -> None:
    quick = rules.plain_asset_url(cell)
    if quick is not None:
        assert rules.check_assets(["logo"], [cell]) == ([], (quick,))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CELLS, URLS), min_size=1, max_size=6))
def test_blocks_change_nothing_about_assets(rows: list[tuple[str, str]]) -> None:
    header = ("company", "logo")
    plan = mapping.plan(header, mapping.MappingOptions(assets=["logo"], sets=["plan=Gold"]))
    names = rules.column_rules(plan.variables[:1], header)
    whole: list[csv_records.Record] = [
        (number, number + 2, cells, csv_records.NO_FLAWS) for number, cells in enumerate(rows)
    ]

    def run(blocks: list[list[csv_records.Record]]) -> list[object]:
        chosen = selection.Selection()
        one = row_checker.RowChecker(
            header,
            plan,
            names,
            chosen,
            lambda *finding: finding[2][3] == "error",
            row_checker.RowOptions(has_backgrounds=True),
        )
        return list(one.run(iter(blocks)))

    assert run([whole]) == run([[record] for record in whole])
