"""Objects of loaded libraries are hidden from the garbage collector once."""

import gc
import sys
from types import ModuleType

import pytest

from pages.parts.frame import memory


def test_objects_are_frozen_only_after_libraries_were_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: asked.append("collect"))
    monkeypatch.setattr(gc, "freeze", lambda: asked.append("freeze"))
    monkeypatch.setattr(memory, "_modules", 0)
    memory.settle_memory()
    memory.settle_memory()
    assert asked == ["collect", "freeze"]
    monkeypatch.setitem(sys.modules, "a_library_of_this_test", ModuleType("a_library_of_this_test"))
    memory.settle_memory()
    assert asked == ["collect", "freeze"] * 2
