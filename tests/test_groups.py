"""Tests of one group run in one process, one after the other, or shared servers and trained runs are made in each."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("groups")


def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest) -> None:
    """The scheduler reads it from the end of a test's id, where pytest-xdist writes it."""
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@groups")
    else:
        pytest.skip("one process, or tests without groups")
