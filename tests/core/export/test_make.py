"""What leaves is what the run is, whichever way; what cannot leave is told in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.export import model, table
from core.export.formats import FORMATS, ExportError, Order
from core.export.make import export_runs
from core.imports.keep import publish_foreign
from core.system.errors import LabError
from tests.bundles import make_whole_run
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_run


def test_a_model_leaves_with_the_weights_that_were_asked_for(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_whole_run()
    asked = []

    def write(order: Order, path: Path) -> str:
        asked.append((order.ids, order.checkpoint))
        path.write_bytes(b"weights")
        return "Differs by at most 1e-7."

    monkeypatch.setattr(model, "write_onnx", write)
    made = export_runs([run.id], "onnx", "last")
    assert asked == [((run.id,), "last")]
    assert (made.name, made.path.read_bytes(), made.note) == (
        f"{run.id}-last.onnx", b"weights", "Differs by at most 1e-7.",
    )  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_without_anything_to_take_away_gets_a_sentence(runs: Path, format: str) -> None:
    run = make_run("interrupted", epochs_done=0)
    if format in ("html", "script", "zip"):
        assert export_runs([run.id], format).bytes > 0
        return
    with pytest.raises(LabError) as told:
        export_runs([run.id], format)
    assert str(told.value).endswith(".")


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_that_is_gone_or_damaged_gets_a_sentence_and_leaves_no_file(
    runs: Path, tmp_path: Path, format: str
) -> None:
    damaged = make_run()
    (damaged.path / "spec.json").write_text("{")
    (tmp_path / "out").mkdir()
    for run_id in (damaged.id, "20250101-000000-000-abcdef"):
        if format == "csv" and run_id == damaged.id:
            continue
        with pytest.raises(LabError):
            export_runs([run_id], format, folder=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_of_another_tool_leaves_as_curves_and_says_what_it_has_not(runs: Path, format: str) -> None:
    run_id = publish_foreign(make_foreign(), MAPPING)
    if not FORMATS[format].is_of_any:
        other = [publish_foreign(make_foreign(), MAPPING)] * (FORMATS[format].least - 1)
        with pytest.raises(LabError, match=r"This run was imported from TensorBoard|takes at least 2 runs"):
            export_runs([run_id, *other], format)
        return
    assert export_runs([run_id], format).bytes > 0


def test_a_full_disk_is_a_sentence(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table, "write_metrics", fail)
    with pytest.raises(ExportError, match="could not be written: No space left on device"):
        export_runs([run.id], "csv")
