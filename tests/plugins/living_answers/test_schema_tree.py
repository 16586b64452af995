"""A tree inferred from documents has their types, fields and items at every depth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from living_answers.schema_tree import infer, paths, type_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def test_fields_types_and_items_are_folded_together() -> None:
    tree = infer([{"id": 1, "legs": [{"at": 5}, {"at": None}]}, {"id": 1.5, "legs": []}, {"id": 2}])
    assert tree["required"] == ["id"]
    assert dict(paths(tree)) == {
        "$": ["object"],
        "$.id": ["integer", "number"],
        "$.legs": ["array"],
        "$.legs[]": ["object"],
        "$.legs[].at": ["integer", "null"],
    }


def test_a_boolean_is_no_integer() -> None:
    assert [type_of(value) for value in (True, 1, 1.0, None)] == ["boolean", "integer", "number", "null"]


def test_what_json_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="no type for set"):
        infer([{1, 2}])


@given(st.lists(JSON, min_size=1, max_size=5))
def test_a_tree_is_json_and_the_order_and_repetition_of_documents_do_not_matter(documents: list[Any]) -> None:
    tree = infer(documents)
    assert json.loads(json.dumps(tree)) == tree
    assert infer([*reversed(documents), *documents]) == tree


@given(st.lists(JSON, min_size=1, max_size=5), JSON)
def test_another_document_takes_no_path_away(documents: list[Any], another: Any) -> None:
    before, after = dict(paths(infer(documents))), dict(paths(infer([*documents, another])))
    assert all(set(types) <= set(after[path]) for path, types in before.items())
