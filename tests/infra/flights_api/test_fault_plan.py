import pytest
from pydantic import ValidationError

from flights_api.faults import OF_TRANSPORT, Faults, Kind, Plan, Rule, fraction

ALL = frozenset(OF_TRANSPORT)


def plan(*rules: Rule, seed: int = 7) -> Faults:
    return Faults(Plan(seed=seed, rules=list(rules)))


def test_a_rate_is_met_and_depends_on_the_seed_alone():
    days = [f"2013-01-{day:02}" for day in range(1, 32)]

    def struck(seed: int) -> list[tuple[str, int]]:
        faults = plan(Rule(kind=Kind.HTTP_500, rate=0.25), seed=seed)
        return [(day, page) for day in days for page in range(1, 41) if faults.transport(day, page, ALL)]

    assert struck(7) == struck(7) != struck(8)
    assert 0.2 < len(struck(7)) / (31 * 40) < 0.3


def test_rate_zero_never_strikes_and_fractions_stay_below_one():
    assert plan(Rule(kind=Kind.DROP, rate=0)).transport("2013-01-01", 1, ALL) is None
    assert all(0 <= fraction(seed) < 1 for seed in range(1000))


def test_a_fault_of_the_transport_strikes_a_page_once_unless_told_otherwise():
    assert (Rule(kind=Kind.CUT).times, Rule(kind=Kind.BAD_ROW).times, Rule(kind=Kind.CUT, times=None).times) == (
        1,
        None,
        None,
    )
    faults = plan(Rule(kind=Kind.CUT), Rule(kind=Kind.DROP, times=2))
    kinds = [rule and rule.kind for rule in (faults.transport("2013-01-01", 1, ALL) for _ in range(4))]
    assert kinds == [Kind.CUT, Kind.DROP, Kind.DROP, None]
    assert faults.transport("2013-01-01", 2, ALL) is not None


def test_dates_and_pages_bound_a_rule():
    faults = plan(Rule(kind=Kind.HANG, dates=["2013-01-02", "updated_since"], pages=[2], times=None))
    places = [("2013-01-02", 2), ("2013-01-02", 1), ("2013-01-01", 2), ("updated_since=2013-01-01T00:00:00Z", 2)]
    assert [faults.transport(*place, ALL) is not None for place in places] == [True, False, False, True]


def test_a_rule_of_rows_never_counts_as_one_of_the_transport():
    assert plan(Rule(kind=Kind.BAD_ROW), Rule(kind=Kind.EMPTY)).transport("2013-01-01", 1, ALL) is None


@pytest.mark.parametrize("kind", [Kind.EMPTY, Kind.LATE_CORRECTIONS])
def test_a_fault_of_a_day_takes_no_pages(kind: Kind):
    with pytest.raises(ValidationError, match="whole days"):
        Rule(kind=kind, pages=[1])
