"""The command line as people and scripts use it: what it prints, where, and with which exit code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from core.cli.app import app
from core.data.store import DataError
from core.runs.records import RunSummary
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.cost import cost_of, fit_to_budget
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from tests.lab_server import ROOT
from tests.made_runs import create_run

TINY = {
    "model": {"stem_channels": 4, "layers": [{"channels": 4, "blocks": 1}], "pool_size": 32},
    "data": {"dataset": "digits", "max_train_images": 64},
    "augment": {"crop_padding": 0, "flip": False},
    "train": {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": "float32"},
}


@pytest.fixture
def core(lab_folders: Path) -> Callable[..., Result]:
    """Runs a command in this process, on folders of its own."""

    def run(*arguments: str, text: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=text)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    return run


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


# ---- specs


def test_presets_are_listed_with_parameters_and_source(core: Callable[..., Result]) -> None:
    shown = core("presets")
    assert shown.exit_code == 0
    for name, preset in PRESETS.items():
        line = next(line for line in shown.stdout.splitlines() if line.startswith(f"{name} "))
        assert f"{cost_of(preset.spec).parameters:,}" in line
        assert preset.source in line
    listed = strict(core("presets", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(PRESETS)
    assert listed[2]["parameters"] == 11_173_962
    assert parse_spec(listed[1]["spec"]) == PRESETS["report"].spec


def test_a_printed_spec_is_one_that_can_be_used_again(core: Callable[..., Result], tmp_path: Path) -> None:
    printed = core("spec", "--preset", "resnet20", "--set", "train.epochs=3").stdout
    assert parse_spec(printed).train.epochs == 3
    file = tmp_path / "spec.json"
    file.write_text(printed)
    assert core("spec", str(file)).stdout == printed
    assert core("spec", "-", text=printed).stdout == printed


def test_cost_in_json_has_what_scripts_read(core: Callable[..., Result]) -> None:
    facts = strict(core("cost", "--preset", "resnet18", "--json").stdout)
    assert facts["parameters"] == 11_173_962
    assert facts["multiply_adds"] == sum(layer["multiply_adds"] for layer in facts["layers"])
    assert [layer["name"] for layer in facts["layers"]] == [
        "stem", "layer 1", "layer 2", "layer 3", "layer 4", "pool + linear",
    ]  # fmt: skip
    larger = strict(core("cost", "--preset", "resnet18", "--batch", "256", "--json").stdout)
    assert larger["memory_bytes"] > facts["memory_bytes"] > 4 * facts["parameters"]
    assert larger["batch_size"] == 256


def test_cost_shows_a_row_a_layer_and_a_total(core: Callable[..., Result]) -> None:
    shown = core("cost", "--preset", "report").stdout
    assert "layer 3" in shown
    assert "2,648,858" in shown.partition("total")[2]
    assert "batches of 16 images" in shown


def test_fit_prints_a_spec_just_under_the_budget(core: Callable[..., Result]) -> None:
    shown = core("fit", "--preset", "resnet18", "--budget", "1000000")
    fitted = parse_spec(shown.stdout)
    assert fitted == fit_to_budget(PRESETS["resnet18"].spec, 1_000_000)
    assert 900_000 < cost_of(fitted).parameters <= 1_000_000
    assert "of 1,000,000 parameters" in shown.stderr


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
        (["data", "download", "mnist"], "There is no data set 'mnist'; there are digits, cifar10, cifar100.\n"),
        (["data", "download", "digits"], "digits is built in: it is neither downloaded nor deleted.\n"),
        (["data", "delete", "digits", "--yes"], "digits is built in: it is neither downloaded nor deleted.\n"),
        (["devices", "--slots", "cpu=0"], "--slots cpu=0: write a device of this machine and 1 to 64"),
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


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "the spec is not JSON: "),
        (b"", "the spec is empty"),
        (b"\xff\xfe\x00", "the spec is not JSON: "),
        (b"[" * 50_000, "the spec is not JSON: it is nested too deeply"),
        (b"x" * 1_000_000, "a spec has at most 64,000 bytes"),
        (b'{"train": {"epochs": 1, "epochs": 2}}', "epochs = 2: is written twice in one object"),
        (b'{"train": {"epochs": 1e999}}', "train.epochs = Infinity: must be a whole number"),
        (b'{"train": {"\\u001b[31m": 1}}', 'train."\\u001b[31m": is no field of a spec'),
    ],
)
def test_a_broken_spec_file_is_told_in_one_sentence(
    core: Callable[..., Result], tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    for command in ("cost", "train", "spec"):
        result = core(command, str(file))
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert "\x1b" not in result.stderr


def test_every_command_has_a_help_text(core: Callable[..., Result]) -> None:
    listed = core("--help").stdout
    for name in (entry.name or "" for entry in [*app.registered_commands, *app.registered_groups]):
        assert name
        assert name in listed
        told = core(name, "--help")
        assert told.exit_code == 0
        assert "Usage:" in told.stdout


# ---- runs that are there already


@pytest.fixture
def finished(lab_folders: Path) -> str:
    return make_finished(0.25)


def make_finished(test_accuracy: float) -> str:
    """A run's folder as a worker leaves it, without the training."""
    run_id = create_run(parse_spec(TINY), name="[red]\x1b[2Jfirst", tags=("a", "b"))
    path = open_run(run_id).path
    (path / "launched").unlink(missing_ok=True)
    rows = [
        {"epoch": 1, "step": 2, "train/loss": 2.0, "val/loss": 2.1, "val/accuracy": 0.5, "seconds": 1.5},
        {"epoch": 2, "step": 4, "train/loss": None, "val/loss": 2.2, "val/accuracy": 0.4, "seconds": 3.0},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "environment.json").write_text('{"device": "cpu"}')
    end = {"state": "finished", "reason": "", "metrics": {"test/accuracy": test_accuracy, "test/accuracy_best": 0.75}}
    (path / "end.json").write_text(json.dumps(end))
    return run_id


def test_runs_and_show_tell_what_the_folder_holds(core: Callable[..., Result], finished: str) -> None:
    listed = core("runs").stdout
    assert finished in listed
    assert "50.00 %" in listed
    assert "[red]" in listed
    assert "\x1b" not in listed
    summary = strict(core("runs", "--json").stdout)[0]
    assert set(summary) == set(RunSummary.__dataclass_fields__)
    assert (summary["state"], summary["best_val_accuracy"], summary["test_accuracy"]) == ("finished", 0.5, 0.25)
    shown = core("show", finished).stdout
    assert "last weights 25.00 %, best on validation 75.00 %" in shown
    assert "\x1b" not in shown
    told = strict(core("show", finished, "--json", "--log", "5").stdout)
    assert parse_spec(told["spec"]) == parse_spec(TINY)
    assert [row["epoch"] for row in told["metrics"]] == [1, 2]
    assert told["end"]["state"] == "finished"


def test_runs_are_filtered_by_state_tag_and_archive(core: Callable[..., Result], finished: str) -> None:
    def ids(*options: str) -> list[str]:
        return [run["id"] for run in strict(core("runs", "--json", *options).stdout)]

    assert ids("--state", "finished", "--tag", "a") == [finished]
    assert ids("--tag", "a", "--tag", "c") == []
    assert ids("--state", "failed") == []
    assert core("edit", finished, "--archive", "--tag", "c", "--note", "n").exit_code == 0
    assert ids() == []
    assert ids("--all", "--tag", "c") == [finished]
    assert open_run(finished).about.note == "n"


def test_an_id_may_be_shortened_while_it_means_one_run(core: Callable[..., Result], finished: str) -> None:
    assert strict(core("show", finished[:21], "--json").stdout)["id"] == finished
    assert strict(core("show", finished[-6:], "--json").stdout)["id"] == finished
    create_run(RunSpec())
    both = core("show", finished[:2])
    assert both.exit_code == 2
    assert "is not the id of one run: 2 runs begin or end so" in both.stderr
    assert len(both.stderr.splitlines()) == 1


def test_a_finished_run_can_neither_be_stopped_nor_resumed(core: Callable[..., Result], finished: str) -> None:
    stopped = core("stop", finished)
    assert (stopped.exit_code, stopped.stderr) == (1, f"{finished} is finished: there is nothing to stop.\n")
    resumed = core("resume", finished)
    assert resumed.exit_code == 1
    assert "there is nothing left to train" in resumed.stderr
    assert core("next", finished).exit_code == 1


def test_following_a_finished_run_shows_its_results_at_once(core: Callable[..., Result], finished: str) -> None:
    shown = core("follow", finished)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("epoch 1/2  train loss 2.0000  val loss 2.1000  val accuracy 50.00 %")
    assert lines[1].startswith("epoch 2/2  train loss –")
    assert "best on validation (epoch 1)" in shown.stdout
    assert "25.00 %" in shown.stdout
    assert "75.00 %" in shown.stdout


def test_several_seeds_are_summed_up_as_mean_and_spread(core: Callable[..., Result], finished: str) -> None:
    shown = core("follow", finished, make_finished(0.35)).stdout
    assert shown.count("epoch 2/2") == 2
    summed = next(line for line in shown.splitlines() if line.startswith("mean and spread of 2 seeds"))
    assert "30.00 ± 7.07 %" in summed
    assert "75.00 ± 0.00 %" in summed


def test_nothing_is_deleted_where_nobody_can_be_asked(core: Callable[..., Result], finished: str) -> None:
    refused = core("delete", finished)
    assert refused.exit_code == 2
    assert "add --yes" in refused.stderr
    assert open_run(finished).state() == "finished"
    assert core("delete", finished, "--yes").exit_code == 0
    assert strict(core("runs", "--json", "--all").stdout) == []


def test_an_unknown_id_among_several_leaves_the_others_alone(core: Callable[..., Result], finished: str) -> None:
    assert core("delete", finished, "nothing", "--yes").exit_code == 2
    assert open_run(finished).state() == "finished"


def test_a_damaged_run_is_shown_as_damaged(core: Callable[..., Result], finished: str) -> None:
    (open_run(finished).path / "spec.json").write_text("{")
    assert strict(core("runs", "--json").stdout)[0]["state"] == "damaged"
    shown = core("show", finished)
    assert shown.exit_code == 0
    assert "damaged" in shown.stdout
    assert strict(core("show", finished, "--json").stdout)["spec"] is None
    followed = core("follow", finished)
    assert followed.exit_code == 1


# ---- data and devices


def test_data_sets_and_devices_are_listed(core: Callable[..., Result]) -> None:
    listed = strict(core("data", "list", "--json").stdout)
    assert [status["name"] for status in listed] == ["digits", "cifar10", "cifar100"]
    assert strict(core("data", "--json").stdout) == listed
    assert "CIFAR-100" in core("data").stdout
    assert core("devices", "--slots", "cpu=3").exit_code == 0
    devices = strict(core("devices", "--json").stdout)
    assert devices[-1]["id"] == "cpu"
    assert devices[-1]["slots"] == 3


def test_a_download_tells_its_progress_unless_it_shall_be_quiet(
    core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, report: Callable[[int, int], None] = lambda done, total: None) -> None:
        for done in range(0, 101, 5):
            report(done * 1_000_000, 100_000_000)

    monkeypatch.setattr("core.data.downloads.download", download)
    told = core("data", "download", "cifar10")
    assert (told.exit_code, told.stdout) == (0, "")
    lines = told.stderr.splitlines()
    assert len(lines) == 11
    assert lines[0] == "cifar10: 10.0 MB of 100 MB"
    assert lines[-1] == "cifar10 is here."
    assert core("data", "download", "cifar10", "--quiet").output == ""


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (DataError("CIFAR-10: the connection was cut."), 1, "CIFAR-10: the connection was cut.\n"),
        (KeyboardInterrupt(), 3, "The download was stopped; nothing was kept.\n"),
    ],
)
def test_a_download_that_fails_says_why(
    core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    def download(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.data.downloads.download", download)
    for quiet in ([], ["--quiet"]):
        told = core("data", "download", "cifar10", *quiet)
        assert (told.exit_code, told.stderr) == (code, sentence)


def test_an_unforeseen_error_is_no_traceback(core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("core.machine.devices.list_devices", explode)
    told = core("devices")
    assert told.exit_code == 1
    assert told.stderr.startswith("Something went wrong that should not: ZeroDivisionError: by chance\n")


def test_deleting_a_data_set_removes_it_from_the_disk(core: Callable[..., Result], lab_folders: Path) -> None:
    (lab_folders / "data" / "cifar10").mkdir()
    assert core("data", "delete", "cifar10").exit_code == 2
    assert core("data", "delete", "cifar10", "--yes").exit_code == 0
    assert not (lab_folders / "data" / "cifar10").exists()


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
