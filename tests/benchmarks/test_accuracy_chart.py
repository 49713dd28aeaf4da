"""The chart of accuracy against seconds says what the kept figures say."""

from __future__ import annotations

from benchmarks.accuracy_chart import gather_traces, lay_out

AIRBENCH = {"results": [{"epochs": 4, "cpu_seconds": 700, "test_accuracy": 0.87}]}
REPORT = {
    "epochs": 2,
    "train_seconds": {"mean": 100.0},
    "cpu_seconds": {"mean": 190.0},
    "test_accuracy": {"mean": 0.84, "standard_deviation": None},
    "courses": [{"cpu_seconds": [95.0, 190.0], "val_accuracy": [0.6, 0.83]}],
}
BEATEN = {"epochs": 20, "train_seconds": {"mean": 3000.0}, "test_accuracy": {"mean": 0.88, "standard_deviation": 0.003}}


def test_each_preset_that_was_measured_has_its_marks_and_the_report_its_plain_loop() -> None:
    traces = list(gather_traces({"report": REPORT, "report-beaten": BEATEN, "tiny-digits": REPORT}, AIRBENCH, 2.0))
    line, plain, *marks = traces
    assert (line["x"], line["y"]) == ([95.0, 190.0], [0.6, 0.83])
    assert (plain["x"], plain["y"]) == ([190.0, 380.0], [0.6, 0.83])
    assert [(each["x"], each["y"]) for each in marks] == [([190.0], [0.84]), ([3000.0], [0.88]), ([700], [0.87])]
    assert [each["name"] for each in marks] == [
        "report, 2 epochs: 84.00 %",
        "report-beaten, 20 epochs: 88.00 %",
        "airbench94, 4 epochs: 87.00 %",
    ]
    assert marks[1]["error_y"]["array"] == [0.003]
    assert "error_y" not in marks[0]


def test_nothing_measured_leaves_the_published_figure_and_the_peer() -> None:
    assert len(list(gather_traces({}, AIRBENCH, 2.0))) == 1
    assert lay_out()["shapes"][0]["y0"] == 0.84098
