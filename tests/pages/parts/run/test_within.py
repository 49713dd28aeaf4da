"""What a run notes within its epochs, on its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from core.runs.folder import Run
from core.system import files
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_rows, make_run

Open = Callable[..., AppTest]


def note(run: Run, name: str, *rows: dict[str, Any]) -> None:
    (run.path / name).write_bytes(b"".join(map(files.to_line, rows)))


def step(number: int) -> dict[str, Any]:
    sums = {"images": 8 * number, "loss": 16.0 * number, "right": 4 * number}
    return {"step": number, "epochs": number / 10, "seconds": number, **sums}


def test_the_curves_begin_before_the_first_epoch_has_ended(open_page: Open) -> None:
    run = make_run("interrupted", epochs_done=0)
    note(run, "steps.jsonl", step(1), step(2))
    charts = component_data(open_page("run", id=run.id), "resnet_lab_chart")
    assert "training, by step" in charts[0]["figure"]


def test_a_damaged_file_of_steps_is_told_and_the_epochs_are_still_drawn(open_page: Open) -> None:
    run = make_run()
    note(run, "steps.jsonl", step(2), step(1))
    page = open_page("run", id=run.id)
    assert "steps.jsonl, row 2: step must rise from one to the next. What follows" in texts(page)
    assert component_data(page, "resnet_lab_chart")


def test_use_is_drawn_by_the_second(open_page: Open) -> None:
    run = make_run(epochs_done=1)
    use = [{"sample": number, "seconds": 2.0 * number, "cpu_percent": 90.0} for number in (1, 2, 3)]
    note(run, "use.jsonl", *use)
    figures = [
        chart["figure"] for chart in component_data(open_page("run", id=run.id, tab="System"), "resnet_lab_chart")
    ]
    assert any("minutes" in figure for figure in figures)


def test_layers_are_drawn_or_it_says_how_they_would_be(open_page: Open) -> None:
    page = open_page("run", id=make_run().id, tab="Layers")
    assert "Switch on Layer norms under Training on Build" in texts(page)
    run = make_run()
    norms = {f"norms/stem/{kind}": 1.0 for kind in ("weights", "gradients", "updates")}
    note(run, "metrics.jsonl", *({**row, **norms} for row in make_rows(2)))
    [chart] = component_data(open_page("run", id=run.id, tab="Layers"), "resnet_lab_chart")
    assert chart["title"] == "Norms of weights, gradients and updates"
