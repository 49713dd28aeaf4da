"""The command line as people and scripts use it: what it prints, where, and with which exit code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.cli.app import app
from tests.lab_server import ROOT


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cost", "--set", "train.epochs=0"], "train.epochs = 0: must be at least 1\n"),
        (["cost", "--set", "train.epoch=3"], "train.epoch: is no field of a spec; did you mean train.epochs?\n"),
        (["cost", "--set", "epochs"], "epochs: write a setting as section.field=value\n"),
        (["cost", "--batch", "0"], "train.batch_size = 0: must be at least 1\n"),
        (["cost", "--preset", "resnet19"], "There is no preset 'resnet19'; did you mean resnet"),
        (["cost", "--preset", "vgg"], "There is no preset 'vgg'; there are first-look, report, "),
        (["cost", "nowhere.json"], "nowhere.json: there is no such file.\n"),
        (["cost", "."], ".: is a folder, not a spec file.\n"),
        (["cost", "x.json", "--preset", "report"], "Name either a spec file or a preset, not both.\n"),
        (["train"], "Name a spec file or a preset: SPEC.json or --preset NAME.\n"),
        (["train", "--preset", "first-look", "--device", "gpu"], 'train.device = "gpu": must be auto, cpu, mps, cuda'),
        (["train", "--preset", "first-look", "--device", "cuda:99"], 'train.device = "cuda:99": this machine has '),
        (["train", "--preset", "report"], "CIFAR-10 is not on this machine yet: "),
        (["train", "--preset", "first-look", "--seeds", "2", "-s", "train.seed=2147483647"], "train.seed = 2147483648"),
        (["train", "--preset", "first-look", "--name", "x" * 999], "name: must be text of at most 200 characters\n"),
        (["train", "-s", "data.folder=/nowhere", "-s", "data.dataset=folder", "-p", "report"], "/nowhere"),
        (["fit", "--preset", "report", "--budget", "3"], ""),
        (["show", "20200101-000000-000-abcdef"], "There is no run '20200101-000000-000-abcdef'; "),
        (["show", "../etc"], "There is no run '../etc'; "),
        (["stop", ""], "There is no run ''; "),
        (["resume", "nothing"], "There is no run 'nothing'; "),
        (["delete", "nothing", "--yes"], "There is no run 'nothing'; "),
        (["follow", "nothing"], "There is no run 'nothing'; "),
        (["edit", "nothing", "--name", "x"], "There is no run 'nothing'; "),
        (["next", "nothing"], "There is no run 'nothing'; "),
        (["runs", "--state", "done"], "There is no state 'done'; there are queued, running, "),
        (
            ["data", "download", "mnist"],
            "There is no data set 'mnist'; there are digits, cifar10, cifar100, fashionmnist, svhn.\n",
        ),
        (["data", "download", "digits"], "digits is built in: it is neither downloaded nor deleted.\n"),
        (["data", "delete", "digits", "--yes"], "digits is built in: it is neither downloaded nor deleted.\n"),
        (["devices", "--slots", "cpu=0"], "--slots cpu=0: write a device of this machine and 1 to 64"),
        (["devices", "--slots", "cpu=١"], "--slots cpu=١: write a device of this machine and 1 to 64"),
        (["cost", "--nonsense"], ""),
        (["nonsense"], ""),
    ],
)
def test_bad_input_is_one_sentence_on_stderr_and_exit_code_2(
    core: Callable[..., Result], lab_folders: Path, arguments: list[str], sentence: str
) -> None:
    result = core(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(sentence) or sentence in result.stderr
    assert not [path for path in (lab_folders / "runs").iterdir() if not path.name.startswith(".")]


def test_every_command_has_a_help_text(core: Callable[..., Result]) -> None:
    listed = core("--help").stdout
    for name in (entry.name or "" for entry in [*app.registered_commands, *app.registered_groups]):
        assert name
        assert name in listed
        told = core(name, "--help")
        assert told.exit_code == 0
        assert "Usage:" in told.stdout


def test_an_unforeseen_error_is_no_traceback(core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("core.machine.devices.list_devices", explode)
    told = core("devices")
    assert told.exit_code == 1
    assert told.stderr.startswith("Something went wrong that should not: ZeroDivisionError: by chance\n")


def test_looking_at_things_loads_neither_torch_nor_pandas() -> None:
    code = (
        "import sys\nfrom core.cli.app import app\n"
        "for words in (['presets'], ['cost', '-p', 'report'], ['spec'], ['data'], ['runs'], ['devices']):\n"
        "    app(words, standalone_mode=False)\n"
        "heavy = {'torch', 'pandas', 'streamlit', 'optuna', 'requests'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
