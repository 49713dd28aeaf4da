"""The script that leaves the lab trains the very same run without it: the same figures and weights, bit for bit."""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from core.data.notes import LeftOutImage, keep_list
from core.engine import augment, layers, model, optim, script, whitening
from core.engine.checkpoint import weights_of
from core.engine.data import load_data
from core.export.model import without_path
from core.export.standalone.reading import StandaloneError
from core.export.standalone.script import REGISTRIES, make_script
from core.runs.store import open_run
from core.spec import RunSpec, schedule
from core.spec.fields import field_at, fields_of
from core.spec.parse import parse_spec
from core.spec.train import WITHOUT_EFFECT
from core.system import files
from tests.archives import place_cifar
from tests.branched import make_branch
from tests.core.engine.toy import make_spec, run
from tests.made_runs import create_run
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")

# With the first, an early end and a decay happen; the others show the remaining choices of every field.
MUCH = make_spec(
    model={
        "attention": "cbam",
        "attention_reduction": 2,
        "activation": "mish",
        "pool_kind": "gem",
        "block": "preactivation",
        "layer_start": "convolution",
        "downsampling": "average",
        "head_bias": False,
        "dropout": 0.3,
        "stochastic_depth": 0.4,
    },
    augment={
        "crop_padding": 1,
        "crop_mode": "reflect",
        "flip_order": "alternating",
        "cutout": 3,
        "mixup": 0.3,
        "cutmix": 1.0,
        "policy": "randaugment",
    },
    epochs=9,
    batch_size=256,
    accumulation=3,
    optimizer="sgd",
    learning_rate=5.0,
    schedule="plateau",
    plateau_patience=1,
    warmup_epochs=0.5,
    label_smoothing=0.1,
    clip_norm=1.0,
    ema_decay=0.9,
    early_stop_patience=2,
    lookahead_steps=2,
    stop_at_goal=True,
    goal_accuracy=1.0,
)
UNVALIDATED = {"dataset": "digits", "image_size": 8, "val_fraction": 0.0}
SPECS = {
    "adam": make_spec(batch_size=128),
    "grey": make_spec(batch_size=128, data={"colour": "grey"}, model={"stem": "whitening", "pool_size": 1}, epochs=1),
    "muon": make_spec(
        model={
            "stem": "whitening",
            "block": "single",
            "downsampling": "max",
            "attention": "se",
            "activation": "silu",
            "pool_kind": "max",
            "pool_size": 3,
            "norm_scale": False,
            "norm_momentum": 0.4,
            "identity_filters": True,
        },
        augment={"crop_padding": 0, "policy": "trivialaugment"},
        optimizer="muon",
        muon_iterations=3,
        muon_normalized=True,
        bias_rate=2.0,
        head_rate=0.1,
        grow_images=True,
        growth_steps=1,
        first_side=5,
        schedule="onecycle",
        batch_size=128,
        test_views="mirror_shift",
    ),
    "adamw": make_spec(
        model={"attention": "eca", "activation": "gelu", "norm": "group", "norm_groups": 2},
        augment={"crop_padding": 2, "flip": False, "cutmix": 0.5},
        optimizer="adamw",
        schedule="step",
        epochs=4,
        last_epoch=0.5,
        batch_size=256,
        test_views="mirror",
    ),
    "linear": make_spec(
        model={"activation": "leaky_relu", "block": "bottleneck", "expansion": 2},
        schedule="linear",
        ema_decay=0.5,
        batch_size=256,
        compile="auto",
    ),
    "constant": make_spec(  # of one layer, as it is compiled
        model={"norm": "none", "block_dropout": 0.3, "layers": [{"channels": 4, "blocks": 1}]},
        schedule="constant",
        lookahead_steps=2,
        lookahead_rises=True,
        batch_size=256,
        decay_norms_biases=True,
        compile="on",
    ),
}

SPECS["no validation"] = parse_spec({**make_spec(batch_size=256).model_dump(), "data": UNVALIDATED})


def write_script(spec: RunSpec, *, fingerprint: str = "", name: str = "") -> str:
    made = open_run(create_run(spec, name=name))
    environment = {"data_fingerprint": fingerprint, "device": "cpu", "threads": 1, "versions": {"torch": "2"}}
    files.write_json(made.path / "environment.json", environment)
    return make_script(made, without_path(spec))


def check_alike(out: Path, spec: RunSpec) -> None:
    """What a script left in `out` is what the lab's own training of `spec` comes to."""
    ends, finished = run(spec, load_data(spec.data))
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    exact = [key for key in ends[0].metrics if key not in ("seconds", "images_per_second")]
    assert [[float(row[key]) for key in exact] for row in rows] == [[end.metrics[key] for key in exact] for end in ends]
    for which in ("best", "last") if spec.data.val_fraction else ("last",):
        expected, found = weights_of(ends[-1].state, which), torch.load(out / f"{which}.pt")
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[key], found[key]) for key in expected)
    result = json.loads((out / "result.json").read_text())
    assert {**result, "train_seconds": 0} == {**finished.metrics, "train_seconds": 0}


# In a process of its own, in which the lab is not there


# Hides every package but torch, torchvision and what these themselves require; then runs the script as `python` does.
ALONE = """
import runpy, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)
PathFinder.find_spec = find_spec
sys.argv = ["train.py", *sys.argv[1:]]
try:
    runpy.run_path("train.py", run_name="__main__")
finally:
    sys.stderr.write(" ".join(name for name in sys.modules if name in hidden))
"""


@cache
def packages_beside_torch() -> frozenset[str]:
    """Names that can be imported here and are of no package that torch or torchvision brings."""
    needed, todo = set[str](), ["torch", "torchvision"]
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in needed:
            needed.add(name)
            with suppress(metadata.PackageNotFoundError):  # of another system
                wanted = map(Requirement, metadata.requires(name) or [])
                todo += [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    owners = metadata.packages_distributions()
    beside = {module for module, names in owners.items() if not {canonicalize_name(name) for name in names} & needed}
    return frozenset(beside | {"core", "tests", "pages"})


def run_alone(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    (folder / "train.py").write_text(script, encoding="utf-8")
    code = f"hidden = {sorted(packages_beside_torch())!r}\n{ALONE}"
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_alone_the_script_trains_the_same_digits_run_bit_for_bit(tmp_path: Path) -> None:
    hidden = packages_beside_torch()
    assert {"pydantic", "sklearn", "scipy", "pandas", "psutil", "core"} <= hidden
    assert not {"torch", "torchvision", "numpy", "PIL"} & hidden
    script = write_script(MUCH, fingerprint=load_data(MUCH.data).fingerprint)
    done = run_alone(script, tmp_path / "alone", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("epoch 1/9  train loss ")
    assert 2 < len(lines) - 1 < 9  # the rate fell, and it stopped early
    check_alike(tmp_path / "alone" / "out", MUCH)


@pytest.mark.slow
def test_alone_the_script_trains_the_same_run_on_a_folder_of_images(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    generator = np.random.default_rng(0)
    places = [f"set/{part}/{name}" for part in ("Train", "Val", "TEST") for name in ("cat", "dog")]
    for label, place in enumerate(places):
        (root / place).mkdir(parents=True)
        for number in range(9):
            pixels = generator.integers(0, 150, (12, 10, 3), dtype=np.uint8) + np.uint8(100 * (label % 2))
            Image.fromarray(pixels).save(root / place / f"{number}.png")
        (root / place / "deep.ppm").write_bytes(b"P6 12 10 65535\n" + (pixels.astype(">u2") * 16).tobytes())
    changes = {"data": {"dataset": "folder", "folder": str(root), "folder_classes": 2, "image_size": 8}}
    spec = parse_spec({**make_spec(epochs=2, batch_size=4).model_dump(), **changes})
    mark = keep_list(spec.data, [LeftOutImage("set/Train/cat/3.png", 0, "train")])
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"without": mark})})
    script = write_script(spec, fingerprint=load_data(spec.data).fingerprint)
    assert str(tmp_path) not in script
    done = run_alone(script, tmp_path / "alone", "--data", str(root), "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    check_alike(tmp_path / "alone" / "out", spec)


# In this process, for many specs


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Loads the text of a script as a module."""

    def load(script: str) -> Any:
        module = ModuleType("standalone_train")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up
        exec(compile(script, "train.py", "exec"), module.__dict__)
        return module

    with torch.random.fork_rng():
        yield load


def train_here(module: Any, out: Path, **arguments: Any) -> None:
    data = module.arrange(module.SOURCES[module.SPEC.data.dataset](argparse.Namespace(**arguments)), module.SPEC.data)
    assert data.fingerprint == (module.FINGERPRINT or data.fingerprint)
    module.train(data, torch.device("cpu"), out)


def check_names(script: str) -> None:
    """No name that is not there, none that nobody needs."""
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F", "--ignore", "F841", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_specs_tried_show_every_choice_that_a_spec_has() -> None:
    specs = [MUCH, *SPECS.values()]
    for section in ("model", "augment", "train"):
        for field in fields_of(section):
            if field.kind in ("choice", "bool") and field.name != "precision":
                shown = {getattr(getattr(spec, section), field.name) for spec in specs}
                # Nesterov needs a momentum; what has no effect changes nothing in what is trained.
                left_out = field.name == "nesterov" or field.path in WITHOUT_EFFECT
                assert left_out or shown >= set(field.choices or (True, False)) - {"auto"}, field.path


@pytest.mark.parametrize("name", SPECS)
def test_the_script_trains_as_the_lab_does_whatever_the_spec_chooses(name: str, loaded: Any, tmp_path: Path) -> None:
    script = write_script(SPECS[name], fingerprint=load_data(SPECS[name].data).fingerprint)
    check_names(script)
    train_here(loaded(script), tmp_path)
    check_alike(tmp_path, SPECS[name])


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashionmnist", "svhn", "digits", "folder"])
def test_a_script_for_any_data_set_has_all_names_and_no_more(name: str) -> None:
    data = {"dataset": name} | ({"folder": "/images", "folder_classes": 10} if name == "folder" else {})
    check_names(write_script(parse_spec({"data": data})))


def test_the_script_reads_cifar_as_the_lab_does(
    loaded: Any, lab_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lab_folders / "data" / "cifar10"
    place_cifar(folder, monkeypatch)
    data = {"data": {"dataset": "cifar10", "image_size": 8, "max_train_images": 100}}
    spec = parse_spec({**make_spec(epochs=1).model_dump(), **data})
    module = loaded(write_script(spec, fingerprint=load_data(spec.data).fingerprint))
    train_here(module, tmp_path, data=folder, download=False)
    check_alike(tmp_path, spec)
    monkeypatch.setattr(sys, "argv", ["train.py", "--data", str(tmp_path / "nowhere")])
    assert module.main() == 1


def test_a_setting_changed_in_the_script_is_the_setting_changed_in_the_lab(loaded: Any, tmp_path: Path) -> None:
    script = write_script(make_spec(augment={"crop_padding": 1}))
    for before, after in (
        ("learning_rate: float = 0.001", "learning_rate: float = 0.02"),
        ("crop_padding: int = 1", "crop_padding: int = 0"),
        ("    dropout: float = 0.0", "    dropout: float = 0.4"),
        ("channels=4,", "channels=5,"),
    ):
        assert script.count(before) == 1
        script = script.replace(before, after)
    train_here(loaded(script), tmp_path)
    layers = [{"channels": 5, "blocks": 1}, {"channels": 6, "blocks": 1}]
    changed = make_spec(model={"dropout": 0.4, "layers": layers}, augment={"crop_padding": 0}, learning_rate=0.02)
    check_alike(tmp_path, changed)


def test_of_a_registry_only_the_entry_that_the_spec_names_is_there(loaded: Any, tmp_path: Path) -> None:
    script = write_script(make_spec())
    for absent in ("SqueezeExcitation", "Muon", "RandomOperations", "grid_sample", "SGD(", "pydantic", "core."):
        assert absent not in script
    assert 'ATTENTION: dict[str, Callable[[ModelSpec, int], nn.Module]] = {"none": ' in script
    changed = script.replace('attention: str = "none"', 'attention: str = "se"')
    assert changed != script
    with pytest.raises(KeyError, match="se"):
        train_here(loaded(changed), tmp_path)


def test_every_registry_has_an_entry_for_every_choice_of_its_field() -> None:
    for name, path in REGISTRIES.items():
        registry = next(
            getattr(module, name)
            for module in (augment, layers, model, optim, schedule, script, whitening)
            if hasattr(module, name)
        )
        assert set(registry) == set(field_at(path).choices), name


def test_an_alpha_whose_quantiles_are_not_there_is_refused(loaded: Any, tmp_path: Path) -> None:
    script = write_script(make_spec(augment={"mixup": 0.3}))
    changed = script.replace("mixup: float = 0.3", "mixup: float = 0.4")
    with pytest.raises(ValueError, match=r"no quantiles for an alpha of 0\.4: export the run once more"):
        train_here(loaded(changed), tmp_path)


def test_what_people_called_a_run_is_only_text_in_the_script(loaded: Any) -> None:
    name = 'x"""\nimport os; os.abort()\n"""\\'
    module = loaded(write_script(make_spec(), name=name))
    assert module.__doc__.startswith("Trains the run x''' import os; os.abort() '''/ once more")


def test_images_of_another_split_are_told_apart(
    loaded: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    module = loaded(write_script(make_spec(epochs=1), fingerprint="another"))
    monkeypatch.setattr(sys, "argv", ["train.py", "--out", str(tmp_path), "--threads", "0"])
    assert module.main() == 0
    assert "not those of the run" in capsys.readouterr().err


def test_a_branch_is_no_script_as_it_began_from_a_checkpoint() -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3)
    with pytest.raises(StandaloneError, match="began from a checkpoint of root, which no script can make"):
        make_script(branch, branch.spec)
