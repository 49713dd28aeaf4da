"""Text of every kind for what reads specs, and its refusals, which must be safe to show."""

from typing import Any

import pytest
from hypothesis import strategies as st

from core.spec import SECTIONS
from core.spec.fields import fields_of
from core.spec.parse import MAX_PROBLEMS, SpecError, parse_spec

PATHS = [field.path for section in SECTIONS for field in fields_of(section)] + [
    f"model.layers[{place}].{field.name}" for place in ("0", "*", "99") for field in fields_of("layers[]")
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
# Names of real sections and fields, so that the fuzz gets past the first check.
SPEC_LIKE = st.dictionaries(
    st.sampled_from([*SECTIONS, "version"]),
    st.dictionaries(st.sampled_from([path.rpartition(".")[2] for path in PATHS]), JSON, max_size=4) | JSON,
    max_size=4,
)
NASTY_TEXTS = [
    "",
    " ",
    "{",
    "[" * 50_000,
    '{"model":' * 5_000,
    '{"train":{"epochs":' + "9" * 5000 + "}}",
    '{"train":{"learning_rate":1e999}}',
    '{"data":{"folder":"\\ud800"}}',
    "\ud800",
    '{"\\u001b[2J":1}',
    "\ufeff",
    "null",
    '"' * 100,
    "{" + '"a":1,' * 3000 + '"b":2}',
    '{"train":{"milestones":[' + "0," * 30_000 + "0]}}",
    "\0",
]


def refusal_of(read: Any, *arguments: Any) -> str:
    """The sentences of a refusal; they must be safe to print and to send to a browser."""
    with pytest.raises(SpecError) as caught:
        read(*arguments)
    sentence = str(caught.value)
    sentence.encode()
    assert sentence.replace("\n", "").isprintable()
    assert len(caught.value.problems) <= MAX_PROBLEMS + 1
    return sentence


def read_or_refuse(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except SpecError:
        return refusal_of(read, *arguments)


def problems_of(**sections: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(sections)
    return [str(problem) for problem in caught.value.problems]
