"""The benchmarks' one table: every line from a file, and what nobody measured says so."""

import json
from pathlib import Path

from benchmarks.summary import NOT_MEASURED, list_rows

THROUGHPUT = {
    "batch_size": 16,
    "rate": {"plain": 30.0, "engine": 75.0, "ratio": 2.5},
    "ceiling": 300,
    "of_ceiling": 0.25,
}


def test_without_a_file_every_training_is_called_not_measured(tmp_path: Path) -> None:
    rows = list(list_rows(tmp_path))
    assert [row[0] for row in rows] == [
        *(
            f"training on {device}, batch {size}, images/s"
            for device, size in (("CPU", 16), ("CPU", 128), ("GPU", 16), ("GPU", 512))
        ),
        *(f"small runs at once on {device}, images/s of all" for device in ("CPU", "GPU")),
    ]
    assert all(row[1:] == (NOT_MEASURED, NOT_MEASURED, "", "") for row in rows)


def test_a_line_holds_both_loops_their_ratio_and_the_ceiling(tmp_path: Path) -> None:
    (tmp_path / "throughput-cpu.json").write_text(json.dumps({"results": [THROUGHPUT]}))
    first, second, *_ = list_rows(tmp_path)
    assert first[1:] == ("75.0", "30.0", "2.50", "300 (25% of it)")
    assert second[1] == NOT_MEASURED


def test_of_several_runs_at_once_the_fastest_number_is_told(tmp_path: Path) -> None:
    alone, one, four, eight = (
        {"runs": runs, "rate": rate, "ratio": rate / 100}
        for runs, rate in ((1, 100.0), (1, 400.0), (4, 900.0), (8, 880.0))
    )
    (tmp_path / "side-by-side-cuda.json").write_text(json.dumps({"runs": [alone, one, four, eight]}))
    rows = {row[0]: row[1:] for row in list_rows(tmp_path)}
    assert rows["small runs at once on GPU, images/s of all, best: 4"] == ("900.0", "100.0", "9.00", "")
    assert rows["small runs at once on CPU, images/s of all"][0] == NOT_MEASURED


def test_a_presets_accuracy_stands_beside_the_reports(tmp_path: Path) -> None:
    figures = {
        "parameters": 1_220_266,
        "test_accuracy": {"mean": 0.8758, "standard_deviation": 0.0031, "values": [0.87, 0.88]},
        "test_accuracy_views": {"mean": 0.8893, "standard_deviation": None, "values": [0.8893]},
    }
    (tmp_path / "presets.json").write_text(json.dumps({"presets": {"report-beaten": figures}}))
    rows = {row[0]: row[1:] for row in list_rows(tmp_path)}
    assert rows["report-beaten, test accuracy"] == ("87.58 ± 0.31 %", "84.098 %", "", "")
    assert rows["report-beaten, with test views"] == ("88.93 %", "84.098 %", "", "")
