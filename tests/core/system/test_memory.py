"""The memory that is left, where a control group allows less than the machine has."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from core.system import memory


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where control groups stand; the process is in /slurm/job."""
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "MOUNT", tmp_path / "groups")
    return tmp_path / "groups"


def make_group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)


def test_the_tightest_limit_around_the_process_holds(groups: Path) -> None:
    memory.GROUPS.write_text("0::/slurm/job\n")
    make_group(groups / "slurm" / "job", max="max\n", current="5000\n", stat="anon 5000\n")
    (groups / "slurm" / "memory.max").write_text("9000\n")
    (groups / "slurm" / "memory.current").write_text("8000\n")
    (groups / "slurm" / "memory.stat").write_text("anon 7700\ninactive_file 300\n")
    assert memory.available_memory() == 9000 - 8000 + 300


def test_version_1_counts_the_groups_below(groups: Path) -> None:
    memory.GROUPS.write_text("4:cpu:/other\n3:memory,hugetlb:/\n")
    stat = "inactive_file 1\ntotal_inactive_file 40\n"
    make_group(groups / "memory", limit_in_bytes="500", usage_in_bytes="450", stat=stat)
    assert memory.available_memory() == 90


def test_a_group_over_its_limit_leaves_none(groups: Path) -> None:
    memory.GROUPS.write_text("0::/\n")
    make_group(groups, max="100", current="150", stat="")
    assert memory.available_memory() == 0


@pytest.mark.parametrize("text", ["", "0::/not/shown\n"])
def test_without_a_limit_it_is_the_machines(groups: Path, text: str) -> None:
    memory.GROUPS.write_text(text)
    assert 0 < memory.available_memory() <= psutil.virtual_memory().total


def test_where_there_are_no_groups_it_is_the_machines(groups: Path) -> None:
    assert 0 < memory.available_memory() <= psutil.virtual_memory().total
