from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points


@pytest.fixture
def session(tmp_path: Path) -> Path:
    shutil.unpack_archive(MADE / "clearml" / "session.zip", tmp_path / "session")
    return tmp_path / "session"


def test_every_value_step_and_time_equals_what_clearml_reported(session: Path) -> None:
    expected: dict[str, list[list]] = {}
    for line in (session / "metrics.jsonl").read_text().splitlines():
        for report in json.loads(line):
            if report["type"] == "training_stats_scalar" and report["iter"] >= 0:
                name = "falls" if report["metric"] == "falls" else f"{report['metric']}/{report['variant']}"
                point = [report["iter"], float(report["value"]).hex(), (report["timestamp"] / 1000).hex()]
                expected.setdefault(name, []).append(point)

    (run,) = read_path(session).runs

    assert all_points(run) == expected
    assert run.series["falls"].steps.tolist() == [5, 5, 3]
    assert run.results == {"best accuracy": 0.75}
    assert run.configuration == {"lr": 0.1, "model/depth": 18}
    assert (run.name, run.tags) == ("first run", ("base",))


def test_zeros_that_may_have_been_nan_are_told(session: Path) -> None:
    (run,) = read_path(session).runs

    assert "may have been NaN" in run.remarks[0]


def test_a_list_that_was_cut_gives_its_whole_reports(session: Path) -> None:
    content = (session / "metrics.jsonl").read_bytes()
    (session / "metrics.jsonl").write_bytes(content[:1000])

    (run,) = read_path(session).runs

    assert sum(len(series.steps) for series in run.series.values()) == content[:1000].count(b'"}')
    assert any("cut short" in remark for remark in run.remarks)


def test_the_zip_is_read_as_the_folder_is(session: Path) -> None:
    (unpacked,) = read_path(session).runs
    (packed,) = read_path(MADE / "clearml" / "session.zip").runs

    assert packed.key == unpacked.key
    assert all_points(packed) == all_points(unpacked)


def test_a_zip_within_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with zipfile.ZipFile(tmp_path / "deep" / "all.zip", "w") as archive:
        archive.write(MADE / "clearml" / "session.zip", "session.zip")
        archive.writestr("table.csv", "step,loss\n0,0.5\n")

    found = read_path(tmp_path)

    assert sorted(run.format for run in found.runs) == ["clearml", "csv"]
