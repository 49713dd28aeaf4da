"""Checkpoints, archives, images and arrays that were made to do harm are refused in a sentence, and that is all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.lab_server import ROOT
from tests.security.hostile_checkpoints import TWICE
from tests.security.hostile_files import OUTSIDE, Hostile, write_all
from tests.security.payload import BOMB_BYTES, PWNED

# All files are tried once, in one process, for all tests here.
pytestmark = pytest.mark.xdist_group("security-hostile-files")

LIMIT_SECONDS = 5.0
LIMIT_GROWTH = 64_000_000


def swallow(cases: Sequence[Hostile], folder: Path) -> list[dict[str, Any]]:
    """What came of each file in a process of its own; see `swallow.py`."""
    for name in ("runs", "data"):
        (folder / name).mkdir(exist_ok=True)
    listed = folder / "cases.json"
    listed.write_text(json.dumps([{"door": case.door, "path": str(case.path)} for case in cases]))
    environment = {"RESNET_LAB_RUNS": str(folder / "runs"), "RESNET_LAB_DATA": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.security.swallow", str(listed)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def come(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Hostile, dict[str, Any]]]:
    """Every file with what came of it, those of the control last; one process for all, as torch takes long to load."""
    folder = tmp_path_factory.mktemp("hostile")
    cases = write_all(folder)
    cases += [replace(case, door=CONTROLS[case.name]) for case in cases if case.door in ("checkpoint", "unpack")
              and case.name in CONTROLS]  # fmt: skip
    return list(zip(cases, swallow(cases, folder), strict=True))


# What harms where a library is left to itself, and how it is.
CONTROLS = {
    "calls os.system": "load anything",
    "deflated, unpacks to a thousand times its size": "load anything",
    TWICE: "load anything again",
    "tar: a file through a link": "unpack anything",
}
# A view of one number takes no memory; what holds no weights is refused when they are wanted.
HARMLESS = ("a tensor of 10^12 elements, all the same one", "no tensors, numbers for weights")


@pytest.mark.promise(
    18,
    "No checkpoint, archive, image or array runs code, writes outside of its folder or fills the memory.",
    how="hostile files of every kind by every door: loaded, asked, imported, unpacked, uploaded, decoded, plotted",
    control="`test_libraries_left_to_themselves_do_all_of_it`",
)
def test_hostile_files_are_refused_in_words(
    come: list[tuple[Hostile, dict[str, Any]]], record_figure: Callable[[str], None]
) -> None:
    found = [(case, came) for case, came in come if "anything" not in case.door]
    assert sum(case.door in ("checkpoint", "import", "unpack") for case, _ in found) >= 30
    for case, came in found:
        about = f"{case.door}: {case.name}: {came}"
        assert came["outcome"] == "refused" or case.name in HARMLESS, about
        assert came["words"].replace("\n", " ").isprintable(), about
        assert len(came["words"]) < 500, about
        assert came["grown"] < LIMIT_GROWTH, about
        assert came["seconds"] < LIMIT_SECONDS, about
        assert came["harm"] == [], about
        assert came["runs"] == [], about
    grown, seconds = max(came["grown"] for _, came in found), max(came["seconds"] for _, came in found)
    record_figure(
        f"{len(found)} files by {len({case.door for case, _ in found})} doors, none did harm; the process grew by at "
        f"most {grown / 1e6:.0f} MB, slowest {seconds:.1f} s of CPU time"
    )


def test_libraries_left_to_themselves_do_all_of_it(come: list[tuple[Hostile, dict[str, Any]]]) -> None:
    code, bomb, copies, link = (
        next(came for case, came in come if case.name == name and case.door == CONTROLS[name]) for name in CONTROLS
    )
    assert PWNED in str(code["harm"])
    assert bomb["grown"] > BOMB_BYTES * 0.9
    assert copies["grown"] > BOMB_BYTES * 0.8
    assert OUTSIDE in str(link["harm"])
