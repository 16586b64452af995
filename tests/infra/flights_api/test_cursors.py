import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from flights_api.cursors import Cursor, CursorSigner

SIGNER = CursorSigner(SecretStr("the-token"))


@given(st.builds(Cursor, st.text(max_size=30), st.integers(1, 1000), st.integers(1, 9999), st.text(max_size=30)))
def test_a_cursor_comes_back_as_it_was(cursor: Cursor):
    assert SIGNER.read(SIGNER.write(cursor), cursor.scope) == cursor


@given(st.text(max_size=80))
def test_nonsense_is_refused(text: str):
    with pytest.raises(HTTPException) as refusal:
        SIGNER.read(text, "2013-01-01")
    assert refusal.value.status_code == 422


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject):
    text = SIGNER.write(Cursor("2013-01-01", 200, 2, "000199"))
    at = data.draw(st.integers(0, len(text) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda letter: letter != text[at]))
    with pytest.raises(HTTPException):
        SIGNER.read(text[:at] + other + text[at + 1 :], "2013-01-01")


def test_a_cursor_of_another_listing_is_refused_by_name():
    with pytest.raises(HTTPException, match="belongs to 2013-01-01, not to 2013-01-02"):
        SIGNER.read(SIGNER.write(Cursor("2013-01-01", 200, 2, "000199")), "2013-01-02")


def test_another_server_s_cursor_is_refused():
    text = CursorSigner(SecretStr("another")).write(Cursor("2013-01-01", 200, 2, "000199"))
    with pytest.raises(HTTPException, match="did not issue"):
        SIGNER.read(text, "2013-01-01")
