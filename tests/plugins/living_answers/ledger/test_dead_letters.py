"""A dead letter is kept once, reopened when it comes back, and leaves the queue when it is fixed."""

from typing import Any

from sqlalchemy import Engine, text

from living_answers.ledger import dead_letters
from living_answers.ledger.dead_letters import Letter

DAY = "2013-01-01"


def _row(engine: Engine, key: str) -> Any:
    with engine.connect() as connection:
        query = text("SELECT * FROM ledger.dead_letters WHERE key = :key")
        return connection.execute(query, {"key": key}).one()


def _bury(*keys: str) -> int:
    return dead_letters.bury_many(
        [Letter("row", "flights", DAY, key, "positive_distance", {"distance": -1}) for key in keys]
    )


def test_one_letter_however_often_it_is_seen(fresh_ledger: Engine) -> None:
    assert _bury("a", "b", "a") == 2
    assert _bury("a") == 1
    row = _row(fresh_ledger, "a")
    assert (row.times_seen, row.state, row.payload) == (3, "open", {"distance": -1})
    assert row.last_seen_at > row.first_seen_at
    assert _bury() == 0


def test_a_resolved_letter_opens_again_and_a_dropped_one_does_not(fresh_ledger: Engine) -> None:
    _bury("a", "b")
    assert dead_letters.resolve("row", "flights", DAY, keys=["a"]) == 1
    assert dead_letters.mark([_row(fresh_ledger, "b").id], "dropped") == 1
    _bury("a", "b")
    assert (_row(fresh_ledger, "a").state, _row(fresh_ledger, "a").resolved_at) == ("open", None)
    assert _row(fresh_ledger, "b").state == "dropped"
    assert _row(fresh_ledger, "b").resolved_at is not None


def test_resolving_spares_what_is_still_bad_and_counts_once(fresh_ledger: Engine) -> None:
    _bury("a", "b", "c")
    assert dead_letters.resolve("row", "flights", DAY, still_bad=["b"]) == 2
    assert dead_letters.resolve("row", "flights", DAY, still_bad=["b"]) == 0
    assert [letter.key for letter in dead_letters.open_letters()] == ["b"]
    assert dead_letters.resolve("row", "flights", DAY) == 1
    assert dead_letters.resolve("row", "flights", DAY, keys=[]) == 0


def test_open_letters_are_those_of_the_partition_and_kind(fresh_ledger: Engine) -> None:
    _bury("a")
    dead_letters.bury("page", "flights", DAY, "page-00003", "not JSON", payload_uri="s3://lake/dead-letters/x.bin")
    dead_letters.bury("page", "flights", "2013-01-02", "page-00001", "not JSON")
    assert [x.key for x in dead_letters.open_letters(DAY, "page")] == ["page-00003"]
    assert len(dead_letters.open_letters(kind="page", source="flights")) == 2
    assert dead_letters.open_letters("2013-12-31") == []


def test_a_letter_under_replay_is_still_open_and_moves_once(fresh_ledger: Engine) -> None:
    _bury("a")
    ids = [x.id for x in dead_letters.open_letters()]
    assert [dead_letters.mark(ids, "replaying"), dead_letters.mark(ids, "replaying")] == [1, 0]
    assert dead_letters.open_letters()[0].state == "replaying"
    assert dead_letters.mark(ids, "resolved") == 1
    assert dead_letters.mark(ids, "replaying") == 0


def test_a_payload_may_hold_anything(fresh_ledger: Engine) -> None:
    dead_letters.bury("row", "flights", DAY, "nul\x00", "bad\x00", b'{"carrier": "\x00\xff')
    (letter,) = dead_letters.open_letters()
    assert letter.payload == '{"carrier": "␀\\xff'
    dead_letters.bury("row", "flights", DAY, "none", "no payload")
    assert _row(fresh_ledger, "none").payload is None


def test_ten_thousand_letters_go_in_one_statement(fresh_ledger: Engine) -> None:
    assert _bury(*map(str, range(10_000))) == 10_000
    assert len(dead_letters.open_letters(DAY)) == 10_000
