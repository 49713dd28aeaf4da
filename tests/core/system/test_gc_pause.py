"""The search for reference cycles rests while much is loaded, and goes on afterwards whatever happened."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from core.system.gc_pause import Paused
from tests.lab_server import ROOT

LOAD_TWICE = """
import gc
from core.system.gc_pause import LoadingTorch

class Ring:
    def __init__(self):
        self.itself = self

with LoadingTorch():
    import json
before = gc.get_freeze_count()
with LoadingTorch():
    import torch
frozen = gc.get_freeze_count()
Ring()
with LoadingTorch():
    import torch
print(before, frozen, gc.get_freeze_count(), gc.collect(), gc.isenabled())
"""


def test_it_goes_on_after_an_error_and_stays_off_where_it_was_off() -> None:
    with Paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), Paused():
        1 / 0  # noqa: B018
    assert gc.isenabled()
    gc.disable()
    try:
        with Paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_a_first_import_made_is_set_apart_and_later_garbage_is_not() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD_TWICE], cwd=ROOT, check=True, capture_output=True, text=True)
    before, frozen, frozen_later, found, enabled = done.stdout.split()
    assert int(before) == 0  # without torch nothing is
    assert int(frozen) > 100_000
    assert frozen_later == frozen
    assert int(found) >= 1
    assert enabled == "True"
