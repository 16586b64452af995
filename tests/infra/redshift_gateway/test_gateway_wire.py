import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_gateway import wire
from redshift_gateway.copy.expected import Expected
from redshift_gateway.errors import GatewayError

MESSAGES = st.lists(st.tuples(st.sampled_from(b"DdQPZ"), st.binary(max_size=40)), max_size=20)


@given(MESSAGES, st.lists(st.integers(1, 30), min_size=1))
def test_any_cutting_of_the_stream_gives_the_same_messages(messages: list, sizes: list[int]) -> None:
    stream = b"".join(wire.message(tag, body) for tag, body in messages)
    frames, seen, position, turn = wire.Frames(frozenset(b"QPZ")), [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        seen += frames.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert b"".join(piece for _, piece in seen) == stream
    assert [p for t, p in seen if t != wire.RAW] == [wire.message(t, b) for t, b in messages if t in b"QPZ"]


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_waits_for_more(garbage: bytes) -> None:
    taken = b""
    with contextlib.suppress(GatewayError):
        taken = b"".join(piece for _, piece in wire.Frames(None).feed(garbage))
    assert garbage.startswith(taken)


def test_a_message_that_claims_too_much_is_refused() -> None:
    with pytest.raises(GatewayError, match="length"):
        list(wire.Frames(None).feed(struct.pack("!BI", wire.QUERY, wire.MAX_MESSAGE + 1)))


def test_the_set_of_whole_messages_may_change_between_two_pieces() -> None:
    frames = wire.Frames(frozenset({wire.PARSE}))
    tags = []
    for tag, _ in frames.feed(wire.message(wire.PARSE) + wire.message(wire.BIND) + wire.message(wire.EXECUTE)):
        tags.append(tag)
        frames.whole = frozenset({wire.PARSE, wire.BIND})
    assert tags == [wire.PARSE, wire.BIND, wire.RAW]


def test_error_fields_survive_a_round_trip() -> None:
    frame = wire.error_response(GatewayError("no\0good", sqlstate="22000", detail="why", hint="what to do"))
    fields = wire.error_fields(frame)
    assert (fields["M"], fields["C"], fields["D"], fields["H"]) == ("nogood", "22000", "why", "what to do")
    assert wire.rebuild_error(fields) == frame


def test_a_sync_during_an_extended_copy_is_not_answered() -> None:
    expected = Expected()
    expected.answered()  # the start-up
    assert expected.none
    expected.sent(wire.SYNC)  # with the Execute
    expected.copy_began()
    assert not expected.none
    expected.sent(wire.SYNC)
    expected.sent(wire.COPY_DONE)
    expected.sent(wire.SYNC)
    expected.answered()
    assert expected.none


def test_a_copy_whose_data_was_sent_at_once() -> None:
    expected = Expected()
    expected.answered()
    for tag in (wire.SYNC, wire.COPY_DONE, wire.SYNC):
        expected.sent(tag)
    expected.copy_began()
    assert not expected.none
    expected.answered()
    assert expected.none


@pytest.mark.parametrize("end", [wire.COPY_DONE, wire.COPY_FAIL])
def test_a_simple_copy_is_answered_once(end: int) -> None:
    expected = Expected()
    expected.answered()
    expected.sent(wire.QUERY)
    expected.copy_began()
    expected.sent(end)
    assert not expected.none
    expected.answered()
    assert expected.none
