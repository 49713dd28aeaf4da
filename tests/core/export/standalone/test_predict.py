"""Several runs leave as one: a script that needs torch alone, and its weights."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.own_images import Brought
from core.engine.answers import predict_own
from core.examine.answers import make_member
from core.export import model
from core.export.formats import Order
from core.export.make import export_runs
from core.export.model import write_ensemble, write_predict
from core.runs.folder import Run
from core.system import files
from core.system.errors import LabError
from tests.core.export.test_model import train_run
from tests.core.workers import tiny_spec
from tests.helper_here import answer_here

# Runs the script once for each list of arguments, with torch and nothing else where `alone`.
DRIVER = """
import contextlib, io, json, runpy, sys
script, alone, asked = json.loads(sys.argv[1])
for name in ("numpy", "PIL", "torchvision", "safetensors", "core") if alone else ("core",):
    sys.modules[name] = None
told = []
for arguments in asked:
    sys.argv, out, err, code = [script, *arguments], io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            code = end.code
    told.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""
# The parts of a network that differ between members: a registry then keeps two entries.
OTHER = {"block": "preactivation", "attention": "se", "activation": "silu", "stochastic_depth": 0.2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two networks of different parts, trained on digits; the second looks at one channel."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        for name, variable in (("runs", "RESNET_LAB_RUNS"), ("data", "RESNET_LAB_DATA")):
            (folder / name).mkdir()
            patch.setenv(variable, str(folder / name))
        spec = tiny_spec(epochs=1)
        grey = spec.data.model_copy(update={"colour": "grey"})
        other = spec.model_copy(update={"model": spec.model.model_copy(update=OTHER), "data": grey})
        return [train_run(spec), train_run(other)]


@pytest.fixture(autouse=True)
def helper_here(trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper process's answers, given by this one."""
    monkeypatch.setenv("RESNET_LAB_RUNS", str(trained[0].path.parent))
    monkeypatch.setenv("RESNET_LAB_DATA", str(trained[0].path.parents[1] / "data"))
    monkeypatch.setattr(model, "call", answer_here)


def make_images(count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)


def ask_lab(runs: list[Run], path: Path) -> np.ndarray:
    members = tuple(make_member(run, "last")[0] for run in runs)
    return predict_own(members, Brought(str(path)), 0, 1000, False).probabilities


def unpack(content: Path, folder: Path) -> Path:
    with zipfile.ZipFile(content) as archive:
        archive.extractall(folder)
    return folder / "predict"


def start(script: Path, *asked: tuple[str, ...], alone: bool = True) -> list[tuple[int, str, str]]:
    """Exit code, output and errors for each list of arguments, all in one process: torch takes seconds to load."""
    command = [sys.executable, "-W", "ignore", "-c", DRIVER, json.dumps([str(script), alone, asked])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=script.parent)
    return [tuple(told) for told in json.loads(done.stdout)]


def test_predict_py_answers_as_the_lab_with_torch_alone(trained: list[Run], tmp_path: Path) -> None:
    write_predict(Order(tuple(run.id for run in trained), "last"), tmp_path / "both.zip")
    folder = unpack(tmp_path / "both.zip", tmp_path)
    names = ["model-1.safetensors", "model-2.safetensors", "predict.py"]
    assert sorted(path.name for path in folder.iterdir()) == names
    array, mine = str(tmp_path / "x.npy"), tmp_path / "mine.csv"
    np.save(array, make_images())
    bad = make_bad(tmp_path, tmp_path / "x.npy")
    asked = ("--columns", "ID,Label", "--ids", "number", "--labels", "index", "--out", str(mine))
    table, handed_in, *refused = start(folder / "predict.py", (array,), (array, *asked), *bad)
    assert (table[0], table[2]) == (0, "")
    rows = list(csv.DictReader(io.StringIO(table[1])))
    wanted = ask_lab(trained, tmp_path / "x.npy")
    assert [row["class"] for row in rows] == [str(label) for label in wanted.argmax(1)]
    np.testing.assert_allclose([float(row["probability"]) for row in rows], wanted.max(1), atol=1e-5)
    seconds = np.sort(wanted, axis=1)[:, -2]
    np.testing.assert_allclose([float(row["second_probability"]) for row in rows], seconds, atol=1e-5)
    assert handed_in[0] == 0
    assert mine.read_text().splitlines()[:2] == ["ID,Label", f"0,{wanted.argmax(1)[0]}"]
    for (code, out, err), sentence in zip(refused, bad.values(), strict=True):
        assert (code, out) == (1, "")
        assert sentence in err


def make_bad(folder: Path, good: Path) -> dict[tuple[str, ...], str]:
    """Arguments that cannot be used, and the sentence of each."""
    (folder / "wrong.npy").write_bytes(b"no array at all")
    np.save(folder / "shape.npy", np.zeros((3, 8), np.uint8))
    np.save(folder / "large.npy", np.full((3, 8, 8), 7.0))
    (folder / "short.npy").write_bytes(good.read_bytes()[:-500])
    (folder / "image.png").write_bytes(b"")
    (folder / "empty").mkdir()
    return {
        ("nowhere",): "There is no nowhere.",
        (str(folder / "wrong.npy"),): "is no .npy file",
        (str(folder / "shape.npy"),): "images are bytes (n, h, w, 3) or (n, h, w)",
        (str(folder / "large.npy"),): "fractions are from 0 to 1",
        (str(folder / "short.npy"),): "ends too early for its shape",
        (str(good), "--columns", "ID"): "two names with a comma between",
        (str(folder / "image.png"),): "install pillow",
        (str(folder / "empty"),): "holds no images",
    }


def test_an_index_is_the_number_of_the_set_and_no_name_is_a_formula(trained: list[Run], tmp_path: Path) -> None:
    run = trained[0]
    before = (run.path / "environment.json").read_bytes()
    files.write_json(run.path / "environment.json", {**run.environment(), "class_numbers": list(range(90, 100))})
    try:
        write_predict(Order((run.id,), "last"), tmp_path / "one.zip")
    finally:
        (run.path / "environment.json").write_bytes(before)
    folder, images = unpack(tmp_path / "one.zip", tmp_path), tmp_path / "images"
    images.mkdir()
    Image.fromarray(make_images(1)[0]).save(images / "=1.png")
    label = 90 + int(ask_lab([run], images).argmax())
    asked = (str(images), "--columns", "ID,Label", "--ids", "stem", "--labels", "index")
    guarded, exact, table = start(folder / "predict.py", asked, (*asked, "--exact"), (str(images),), alone=False)
    assert guarded[1].splitlines()[1] == f"'=1,{label}"
    assert exact[1].splitlines()[1] == f"=1,{label}"
    assert table[1].splitlines()[1].startswith("'=1.png,")


def test_with_pillow_beside_it_image_files_are_read_as_the_lab_reads_them(trained: list[Run], tmp_path: Path) -> None:
    write_predict(Order((trained[0].id,), "last"), tmp_path / "one.zip")
    folder, images = unpack(tmp_path / "one.zip", tmp_path), tmp_path / "images"
    (images / "in").mkdir(parents=True)
    large = np.random.default_rng(1).integers(0, 256, (30, 45, 4), np.uint8)
    Image.fromarray(large[..., :3]).save(images / "10.jpg", quality=95)
    Image.fromarray(large).save(images / "2.png")
    Image.fromarray(large[..., 0]).save(images / "in" / "3.png")
    Image.fromarray(large[..., 0].astype(np.uint16) * 250).save(tmp_path / "deep.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    bad = {"deep.png": "more than 8 bits", "broken.png": "cannot be read"}
    whole, *refused = start(
        folder / "predict.py", (str(images),), *((str(tmp_path / name),) for name in bad), alone=False
    )
    assert whole[0] == 0, whole[2]
    rows = list(csv.DictReader(io.StringIO(whole[1])))
    assert [row["image"] for row in rows] == ["2.png", "10.jpg", "in/3.png"]
    wanted = ask_lab(trained[:1], images)
    np.testing.assert_allclose([float(row["probability"]) for row in rows], wanted.max(1), atol=1e-4)
    for (code, _, err), sentence in zip(refused, bad.values(), strict=True):
        assert code == 1
        assert sentence in err


def test_what_cannot_answer_together_is_a_sentence(trained: list[Run], tmp_path: Path) -> None:
    data = trained[0].spec.data.model_copy(update={"image_size": 12})
    large = train_run(trained[0].spec.model_copy(update={"data": data}))
    with pytest.raises(LabError, match=r"different sizes \(8 x 8 and 12 x 12\)"):
        write_ensemble(Order((trained[0].id, large.id), "last"), tmp_path / "x.onnx")
    write_predict(Order((trained[0].id, large.id), "last"), tmp_path / "x.zip")  # which resizes for each
    named = {**large.environment(), "class_names": [f"sort {number}" for number in range(10)]}
    files.write_json(large.path / "environment.json", named)
    for write in (write_ensemble, write_predict):
        with pytest.raises(LabError, match="tells other classes apart"):
            write(Order((trained[0].id, large.id), "last"), tmp_path / "x")
    with pytest.raises(LabError, match="at least 2 runs"):
        export_runs([trained[0].id], "ensemble-onnx")
