"""Known weaknesses: of the libraries as PyPI lists them, and of our own code as bandit sees it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.lab_server import ROOT

CODE = ("core", "pages", "server", "app.py")
LOCK = ROOT / "requirements.lock"
# Weaknesses that do not touch this lab, by their id, each with the reason.
ACCEPTED: dict[str, str] = {}
# A release that every list of weaknesses names, for the control.
WEAK = "jinja2==2.4.1"
Record = Callable[[str], None]


def run_bandit(*targets: str | Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "bandit", "--quiet", "--format", "json", "-c", str(ROOT / "pyproject.toml"), "-r"]
    done = subprocess.run([*command, *map(str, targets)], cwd=ROOT, capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return found


@pytest.mark.promise(
    22,
    "Our own code has no weakness that `bandit` knows, but for lines that say why they are none.",
    how="bandit over all code, also in `make check`",
    control="`test_bandit_finds_what_is_planted`",
)
def test_bandit_finds_nothing_open(record_figure: Record) -> None:
    assert run_bandit(*CODE) == []
    lines = [line for path in list_code() for line in path.read_text().splitlines() if re.search(r"\bnosec\b", line)]
    for line in lines:
        assert re.search(r"# nosec B\d{3} - \w.{10,}", line), f"without a reason: {line}"
    config = (ROOT / "pyproject.toml").read_text().partition("[tool.bandit]")[2].partition("\n[")[0]
    skips = tomllib.loads(f"[tool.bandit]{config}")["tool"]["bandit"]["skips"]
    for skip in skips:
        assert re.search(rf'"{skip}",  # \w.{{10,}}', config), f"without a reason: {skip}"
    record_figure(f"0 open; {len(lines)} lines and {len(skips)} checks left out, each with its reason")


def list_code() -> list[Path]:
    return [path for name in CODE for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))]


def test_bandit_finds_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "import pickle, subprocess\n"
        "def load(text, name):\n"
        "    subprocess.run(f'ls {name}', shell=True)\n"
        "    return pickle.loads(text), eval(name)\n"
    )
    assert {"B602", "B301", "B307"} <= {found["test_id"] for found in run_bandit(tmp_path)}


def ask_pip_audit(requirements: Path) -> list[dict[str, Any]]:
    """What is known of each library; skips where nobody can be asked."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json", "-r"]
    done = subprocess.run([*command, str(requirements)], capture_output=True, text=True, timeout=300, check=False)
    try:
        known: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        pytest.skip(f"not audited: pip-audit got no answer ({done.stderr.strip().splitlines()[-1][:120]})")
    if silent := [entry["name"] for entry in known if "skip_reason" in entry]:
        # Its own exit status would say that all is well.
        pytest.skip(
            f"not audited: the package index here tells no weaknesses, of {len(silent)} of {len(known)} libraries"
        )
    return known


@pytest.mark.promise(
    22,
    "No library that is installed has a known weakness, but for those with a written reason why it does no harm here.",
    how="`pip-audit` over `requirements.lock`, also as `make audit`; needs the network",
    control="a release of 2010 is named by the same list",
)
def test_no_locked_library_has_a_known_weakness(full: bool, tmp_path: Path, record_figure: Record) -> None:
    if not full:
        pytest.skip("asks the network: make audit, or the full form")
    (tmp_path / "weak.txt").write_text(WEAK + "\n")
    assert any(entry["vulns"] for entry in ask_pip_audit(tmp_path / "weak.txt"))
    known = ask_pip_audit(LOCK)
    found = {weakness["id"]: entry["name"] for entry in known for weakness in entry["vulns"]}
    assert {name: at for name, at in found.items() if name not in ACCEPTED} == {}
    record_figure(f"{len(known)} libraries, 0 open, {len(found)} accepted with a reason")


def test_the_lock_holds_what_is_installed_and_asked_for() -> None:
    """These versions are what the tests ran with; constraints that nobody installs by would say nothing."""
    locked = dict(line.split("==") for line in LOCK.read_text().split())
    folded = {_fold(name): number for name, number in locked.items()}
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("-r"):
                name = re.split(r"[\[<>=]", line)[0]
                assert folded[_fold(name)] == version(name), name
    # Ray is asked for by those who have more machines than one.
    for line in (ROOT / "requirements-cluster.txt").read_text().split():
        assert _fold(re.split(r"[\[<>=]", line)[0]) in folded
    assert (ROOT / "Makefile").read_text().count("-c requirements.lock") == 3


def _fold(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
