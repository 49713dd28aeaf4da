from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points, read_expected

FILES = MADE / "tensorboard"


def test_every_value_step_and_time_equals_what_tensorboard_reads() -> None:
    found = {run.name: all_points(run) for run in read_path(FILES).runs}
    expected = read_expected("tensorboard")
    # Guild writes the time 0.0, which stands for none.
    expected["guild"] = {tag: [[*point[:2], None] for point in points] for tag, points in expected["guild"].items()}
    # Keras' two folders are one run, and what add_hparams wrote belongs to the run around it.
    for name in ("keras", "keras3"):
        parts = {part: expected.pop(f"{name}/{part}") for part in ("train", "validation")}
        expected[name] = {f"{part}/{tag}": points for part, tags in parts.items() for tag, points in tags.items()}
    del expected["torch/plain run/trial"]

    assert found == expected


def test_files_of_a_resumed_run_are_put_in_order_of_time() -> None:
    (run,) = read_path(FILES / "torch" / "resumed").runs

    assert run.name == "resumed"
    assert run.series["loss"].steps.tolist() == [*range(6), *range(4, 10), *range(8, 14)]


def test_a_run_keeps_its_key_when_it_grows_or_moves(tmp_path: Path) -> None:
    first = FILES / "torch" / "resumed" / "events.out.tfevents.1760000000.host.2"
    (tmp_path / "before").mkdir()
    shutil.copy(first, tmp_path / "before")

    (before,) = read_path(tmp_path / "before").runs
    (after,) = read_path(FILES / "torch" / "resumed").runs

    assert before.key == after.key


def test_hyperparameters_become_the_configuration_of_the_run_around_them() -> None:
    (run,) = read_path(FILES / "torch" / "plain run").runs

    assert run.configuration == {"lr": 0.1, "optimizer": "sgd", "nesterov": 1.0}
    assert run.results == {"hp/accuracy": 0.5}


def test_a_resumed_training_of_lightning_is_one_run_with_its_hyperparameters() -> None:
    (run,) = read_path(FILES / "lightning").runs

    assert (run.name, run.state) == ("version_0", "finished")
    assert run.configuration == {"lr": 0.1, "optimizer": "sgd"}
    assert run.series["train_loss_step"].steps.tolist() == list(range(24))


def test_several_trials_stay_apart(tmp_path: Path) -> None:
    shutil.copytree(FILES / "torch" / "plain run", tmp_path / "run")
    shutil.copytree(tmp_path / "run" / "trial", tmp_path / "run" / "second")

    assert [run.name for run in read_path(tmp_path).runs] == ["run", "run/second", "run/trial"]


def test_keras_folders_are_one_run_also_by_themselves() -> None:
    (run,) = read_path(FILES / "keras").runs

    assert run.name == "keras"
    assert len(run.series["validation/epoch_loss"].steps) == 6


def test_what_is_no_scalar_is_counted() -> None:
    (plain,) = [run for run in read_path(FILES / "torch").runs if run.name == "plain run"]

    assert plain.left_out == {"texts": 1}


def test_a_file_cut_at_any_byte_gives_its_whole_records_and_a_remark(tmp_path: Path) -> None:
    content = (FILES / "torch" / "resumed" / "events.out.tfevents.1760000000.host.2").read_bytes()
    points = read_expected("tensorboard")["torch/resumed"]["loss"][:6]
    ends = list(record_ends(content))
    header = len(ends) - len(points)  # records that hold no figure
    path = tmp_path / "events"

    for size in range(ends[-2], len(content)):
        path.write_bytes(content[:size])
        (run,) = read_path(path).runs
        whole = sum(end <= size for end in ends)

        assert all_points(run)["loss"] == points[: whole - header]
        told = f"events: cut short after {whole} records."
        assert run.remarks == (() if size in ends else (told,))


def record_ends(content: bytes) -> Iterator[int]:
    place = 0
    while place < len(content):
        place += 16 + int.from_bytes(content[place : place + 8], "little")
        yield place


def test_a_flipped_bit_costs_one_record_and_is_told(tmp_path: Path) -> None:
    content = bytearray((FILES / "torch" / "resumed" / "events.out.tfevents.1760000000.host.2").read_bytes())
    content[-6] ^= 1
    (tmp_path / "events").write_bytes(content)

    (run,) = read_path(tmp_path / "events").runs

    assert len(run.series["loss"].steps) == 5
    assert run.left_out == {"damaged records": 1}
