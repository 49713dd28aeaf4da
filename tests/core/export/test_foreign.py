"""What a run of another tool can leave as, and why not as a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.export.make import export_runs
from core.imports.keep import publish_foreign
from core.launch.launcher import measure_test, resume_run
from core.runs.records import NoSpecError
from core.system.errors import LabError
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_run


@pytest.fixture
def run_id(runs: Path) -> str:
    return publish_foreign(make_foreign(name="Theirs", state="stopped"), MAPPING)


@pytest.mark.parametrize("beside_ours", [False, True])
def test_its_report_has_its_curves_and_configuration(run_id: str, tmp_path: Path, beside_ours: bool) -> None:
    ids = [run_id, make_run(name="Ours").id] if beside_ours else [run_id]
    text = export_runs(ids, "html", folder=tmp_path).path.read_text()
    for word in ("Theirs", "from TensorBoard, without a spec of this lab", "augment.mixup", "val_acc of TensorBoard"):
        assert word in text


def test_its_rows_leave_as_csv_and_tensorboard(run_id: str, tmp_path: Path) -> None:
    text = export_runs([run_id], "csv", folder=tmp_path).path.read_text()
    assert text.splitlines()[1].startswith("1,2,2.0,0.5")
    assert export_runs([run_id], "tensorboard", folder=tmp_path).bytes > 100


def test_what_a_table_of_epochs_lacks_is_told(run_id: str, tmp_path: Path) -> None:
    ids = [run_id, publish_foreign(make_foreign(key="empty", series={}), {})]
    note = export_runs(ids, "csv", folder=tmp_path).note
    assert note.startswith("1 run without such rows left out. Of what another tool logged it has loss and accuracy")
    assert note.endswith("TensorBoard, MLflow table and wandb table hold every point.")
    bare = publish_foreign(make_foreign(key="bare"), {})
    with pytest.raises(LabError, match=r"No series is known as .*: take TensorBoard, MLflow table or wandb table\."):
        export_runs([bare], "csv", folder=tmp_path)


@pytest.mark.parametrize("format", ["onnx", "safetensors", "script"])
def test_it_is_no_model(run_id: str, tmp_path: Path, format: str) -> None:
    with pytest.raises(LabError, match="This run was imported from TensorBoard"):
        export_runs([run_id], format, folder=tmp_path)


def test_it_cannot_be_trained_on(run_id: str) -> None:
    for do in (resume_run, measure_test):
        with pytest.raises(NoSpecError, match="imported from TensorBoard and has no spec of this lab"):
            do(run_id)
