"""Evidence reads well: numbers, units, tables."""

import pytest

from living_answers.ui.values import exact, expectation, number, plain, view


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (20_000, "20,000"),
        (-1234567, "-1,234,567"),
        (3.0, "3"),
        (0.123456, "0.1235"),
        (1234.5678, "1,235"),
        (12.5, "12.5"),
        (0.00001234, "0.00001234"),
        (1e-12, "1e-12"),
        (1e20, "1e+20"),
    ],
)
def test_numbers_are_written_as_people_do(value: float, told: str) -> None:
    assert number(value) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1, "rows", "1\xa0row"),
        (2, "rows", "2\xa0rows"),
        (1, "ms", "1\xa0ms"),
        (1, "s", "1\xa0s"),
        (12, "%", "12%"),
        (1, "rows a second", "1\xa0rows a second"),
        ([0, 20_000], "rows", "0, 20,000 rows"),
        (True, None, "yes"),
        (None, "rows", "nothing"),
        ("", None, "“”"),
        ([], "rows", "an empty list"),
        ("0123456789abcdef" * 4, None, "0123456789ab…"),
    ],
)
def test_units_fit_their_figures(value: object, unit: str | None, told: str) -> None:
    assert plain(value, unit) == told


def test_rows_become_a_table_with_all_columns() -> None:
    shown = view([{"a": 1}, {"a": 2, "b": 3}])
    assert (shown.kind, shown.head) == ("table", ("a", "b"))
    assert [[cell.text for cell in row] for row in shown.rows] == [["1", ""], ["2", "3"]]


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    assert view([[one] for one in range(40)]).more == 15


def test_pairs_mark_what_differs_from_the_other_side() -> None:
    shown = view({"a": 1, "b": 2}, other={"a": 1, "b": 3})
    assert [row[1].differs for row in shown.rows] == [False, True]


def test_figures_to_compare_get_bars_and_others_do_not() -> None:
    assert [row[1].share for row in view({"merge": 1, "copy": 4}, "s").rows] == [0.25, 1.0]
    assert [row[1].share for row in view({"merge": 1, "name": "x"}).rows] == [None, None]
    assert [row[1].share for row in view({"merge": 10, "copy": 11}, "s").rows] == [None, None]


def test_rows_compared_show_counts_and_the_surplus() -> None:
    shown = view({"rows": 3, "distinct": 2, "surplus": [{"times": 1, "row": [["id", 7]]}]})
    assert shown.note == "3 rows, 2 distinct"
    assert [cell.text for cell in shown.rows[0]] == ["1 ×", "id: 7"]  # noqa: RUF001 - the sign for times


@pytest.mark.parametrize(
    ("how", "expected", "tolerance", "told"),
    [
        ("equal", 3, None, ("", "3\xa0rows")),
        ("at_least", 3, None, ("at least", "3\xa0rows")),
        ("at_most", 1, None, ("at most", "1\xa0row")),
        ("between", [1, 5], None, ("between", "1 and 5\xa0rows")),
        ("close", 100, 0.05, ("about", "100\xa0rows ± 5%")),
    ],
)
def test_expectations_are_words(how: str, expected: object, tolerance: float | None, told: tuple[str, str]) -> None:
    words, shown = expectation(how, expected, "rows", tolerance)
    assert (words, shown.text) == told


def test_exact_shows_the_last_digit() -> None:
    assert exact(0.30000000000000004, "s").text == "0.30000000000000004 s"
