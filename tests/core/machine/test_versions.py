"""A node is told from another by what would make its figures differ."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata

import pytest

from core.machine import versions
from core.system.folders import PROJECT


def test_versions_are_those_that_are_installed_and_torch_is_not_loaded_for_them() -> None:
    code = "import sys; from core.machine.versions import describe_versions as d; print(d(), 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert f"'torch': '{metadata.version('torch')}'" in said
    assert f"'python': '{platform.python_version()}'" in said
    assert said.strip().endswith("False")


def test_both_versions_are_told_where_they_differ() -> None:
    ours = versions.describe_versions()
    assert versions.explain_misfit(dict(ours)) == ""
    told = versions.explain_misfit({**ours, "torch": "1.13.0"})
    assert "1.13.0 there" in told
    assert f"{ours['torch']} here" in told
    assert "Python" not in told
    assert "unknown there" in versions.explain_misfit({})


def test_other_versions_offer_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    name = versions.fit_name()
    assert name == versions.fit_name()
    monkeypatch.setattr(versions, "describe_versions", lambda: {"python": "3.11.2", "torch": "1.13.0", "lab": "0"})
    assert versions.fit_name() != name
