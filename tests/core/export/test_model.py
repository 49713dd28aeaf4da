"""What keeps a model from leaving is a sentence; what leaves says what it is; the page's process carries none of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.engine.data import load_data
from core.engine.export import load_safetensors
from core.examine.weights import read_scale
from core.export import model
from core.export.formats import Order
from core.export.model import without_path, write_onnx, write_safetensors, write_script
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import DataSpec, RunSpec
from core.system import files
from core.system.errors import LabError
from core.system.folders import PROJECT
from core.worker.recorder import Recorder
from tests.core.workers import tiny_spec
from tests.helper_here import answer_here
from tests.made_runs import create_run

pytestmark = pytest.mark.usefixtures("lab_folders")


@pytest.fixture(autouse=True)
def helper_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper process's answers, given by this one."""
    monkeypatch.setattr(model, "call", answer_here)


def train_run(spec: RunSpec) -> Run:
    """A run folder as the worker leaves it in the middle of a training, with its checkpoints."""
    from core.engine import checkpoint
    from core.engine.events import EpochEnd, Started
    from core.engine.train import train
    from core.worker.provenance import describe_start

    run, data = open_run(create_run(spec, name="a name")), load_data(spec.data)
    recorder = Recorder(run, "cpu", checkpoint.save)
    for event in train(spec, data):
        if isinstance(event, Started):
            files.write_json(run.path / "environment.json", describe_start(event, data, []))
        if isinstance(event, EpochEnd):
            recorder.record(event)
    return run


def test_a_runs_best_and_last_weights_leave_with_what_they_are(tmp_path: Path) -> None:
    run, path = train_run(tiny_spec(epochs=2)), tmp_path / "model"
    for which in ("best", "last"):
        write_safetensors(Order((run.id,), which), path)
        loaded = load_safetensors(path.read_bytes())
        assert loaded.spec == run.spec
        assert loaded.class_names == tuple("0123456789")
        told = {key: loaded.metadata[key] for key in ("run", "name", "checkpoint")}
        assert told == {"run": run.id, "name": "a name", "checkpoint": which}
    assert loaded.metadata["epoch"] == "2"
    assert [loaded.mean, loaded.std] == [tuple(run.environment()[name]) for name in ("mean", "std")]


def test_a_run_of_grey_images_is_sound_and_leaves_with_the_scale_of_one_channel(tmp_path: Path) -> None:
    spec = tiny_spec(epochs=1)
    run = train_run(spec.model_copy(update={"data": spec.data.model_copy(update={"colour": "grey"})}))
    assert not run.damage()
    scale = read_scale(run.environment())
    assert scale
    assert list(map(len, scale)) == [1, 1]
    write_safetensors(Order((run.id,), "last"), tmp_path / "model")
    loaded = load_safetensors((tmp_path / "model").read_bytes())
    assert (loaded.mean, loaded.std) == scale


def test_a_damaged_checkpoint_is_a_sentence_in_every_format(tmp_path: Path) -> None:
    run = train_run(tiny_spec(epochs=1))
    path = run.checkpoints()[-1].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for write in (write_onnx, write_safetensors):
        with pytest.raises(LabError, match=r"The checkpoint epoch-00001\.safetensors is damaged"):
            write(Order((run.id,)), tmp_path / "model")
    path.unlink()
    with pytest.raises(LabError, match="come with the end of the first epoch"):
        write_onnx(Order((run.id,)), tmp_path / "model")


def test_a_run_without_weights_says_why_and_its_script_leaves_nonetheless(tmp_path: Path) -> None:
    run = open_run(create_run(tiny_spec()))
    with pytest.raises(LabError, match="come with the end of the first epoch"):
        write_onnx(Order((run.id,)), tmp_path / "model")
    write_script(Order((run.id,)), tmp_path / "train.py")
    script = (tmp_path / "train.py").read_text()
    compile(script, "train.py", "exec")
    assert "after 0 of 5 epochs; this script trains all of them" in script


@pytest.mark.parametrize("write", [write_onnx, write_safetensors, write_script])
def test_a_run_that_is_not_there_or_damaged_is_a_sentence(write: Any, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="There is no"):
        write(Order(("20260101-000000-000-abcdef",)), tmp_path / "model")
    run = open_run(create_run(tiny_spec()))
    (run.path / "spec.json").write_text("{")
    with pytest.raises(LabError, match=r"spec\.json"):
        write(Order((run.id,)), tmp_path / "model")
    shutil.rmtree(run.path)


def test_where_somebodys_images_lie_stays_at_home() -> None:
    for folder in ("/home/somebody/private/pictures/", r"C:\somebody\private\pictures", "pictures"):
        data = DataSpec(dataset="folder", folder=folder)
        assert without_path(RunSpec(data=data)).data.folder == "pictures"
    spec = RunSpec()
    assert without_path(spec) == spec


def test_the_pages_process_loads_nothing_heavy_for_it() -> None:
    heavy = ("torch", "onnx", "onnxruntime", "onnxscript", "safetensors", "sklearn")
    code = f"import sys, json, core.export.model; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


EXPORT_ALL = """
import sys
from pathlib import Path
from core.export.make import export_runs
for format in ("csv", "tensorboard", "onnx", "safetensors", "script", "zip"):
    export_runs([sys.argv[1]], format, folder=Path(sys.argv[2]))
"""


def test_equal_runs_are_equal_files_whichever_process_writes_them(tmp_path: Path) -> None:
    run = train_run(tiny_spec(epochs=1))
    files.write_json(run.path / "end.json", {"state": "finished", "reason": "", "epoch": 1})
    written = []
    for seed in ("1", "2"):
        (folder := tmp_path / seed).mkdir()
        zone = {"PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
        subprocess.run(
            [sys.executable, "-c", EXPORT_ALL, run.id, str(folder)], env={**os.environ, **zone}, check=True, cwd=PROJECT
        )
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(written[0]) == 6
    assert written[0].keys() == written[1].keys()
    for name, content in written[0].items():
        assert content == written[1][name], name
