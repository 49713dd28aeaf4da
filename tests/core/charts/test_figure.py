"""What every figure shares."""

from hypothesis import given
from hypothesis import strategies as st

from core.charts.figure import shorten


@given(st.text(max_size=200))
def test_a_shortened_name_keeps_its_two_ends(name: str) -> None:
    short = shorten(name)
    assert len(short) <= 34
    assert short[0:1] == name[0:1]
    assert short[-1:] == name[-1:]
