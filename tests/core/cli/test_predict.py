"""`predict` asks a run about images of one's own, and writes what is asked for."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from core.data.own_images import open_images
from core.helper.questions import OwnPiece
from core.runs.store import open_run
from core.system import files
from tests.examined import CLASSES, make_examined
from tests.pages.sample_runs import add_checkpoint
from tests.strict_json import strict

Core = Callable[..., Result]


def answer(target: str, **question: Any) -> Future[Any]:
    """The helper process without torch: image number n is of class n, the less surely the later."""
    if target.endswith(":measure_validation"):
        nothing: Future[None] = Future()
        nothing.set_result(None)
        return nothing
    names = open_images(question["brought"]).names
    chances = np.full((len(names), CLASSES), 0.01)
    for index in range(len(names)):
        chances[index, index] = 0.9 - index / 100
    future: Future[OwnPiece] = Future()
    future.set_result(OwnPiece(chances, np.full(len(names), -9.0), {}, len(names)))
    return future


@pytest.fixture
def run_id(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("core.examine.predicting.call", answer)
    return make_asked()


def make_asked() -> str:
    run = make_examined()
    add_checkpoint(run)
    scale = {"mean": [0.5] * 3, "std": [0.2] * 3}
    files.write_json(run.path / "environment.json", {**run.environment(), **scale})
    return run.id


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three images, the second in the wrong folder."""
    for name in ("kind 0/a.png", "kind 0/b.png", "kind 2/c.png"):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return tmp_path / "own"


def test_the_least_certain_image_is_printed_first(core: Core, run_id: str, images: Path) -> None:
    result = core("predict", run_id, str(images))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [name for line in lines for name in ("a.png", "b.png", "c.png") if name in line] == [
        "c.png",
        "b.png",
        "a.png",
    ]
    assert "By their folders 2 of 3 are right: accuracy 66.67 %" in result.stderr


def test_a_file_to_hand_in_is_written_as_asked(core: Core, run_id: str, images: Path, tmp_path: Path) -> None:
    sample, output = tmp_path / "sample.csv", tmp_path / "mine.csv"
    sample.write_text("Id,Category\nc,0\na,0\nb,0\n")
    asked = (
        "--columns",
        "Id,Category",
        "--ids",
        "stem",
        "--labels",
        "index",
        "--order",
        str(sample),
        "-o",
        str(output),
    )
    result = core("predict", run_id, str(images), *asked)
    assert result.stdout.strip() == str(output)
    assert output.read_text() == "Id,Category\nc,2\na,0\nb,1\n"
    again = core("predict", run_id, str(images), *asked)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert core("predict", run_id, str(images), *asked, "--force").exit_code == 0


def test_an_index_is_the_number_of_the_set_and_ids_are_exact_where_they_are_asked_so(
    core: Core, run_id: str, images: Path, tmp_path: Path
) -> None:
    run, output = open_run(run_id), tmp_path / "mine.csv"
    numbers = [50, 7, *range(8)]
    files.write_json(run.path / "environment.json", {**run.environment(), "class_numbers": numbers})
    (images / "kind 0/a.png").rename(images / "kind 0/=a.png")
    asked = ("predict", run_id, str(images), "--ids", "stem", "--labels", "index", "-o", str(output), "--force")
    guarded = core(*asked)
    assert output.read_text() == "ID,Label\n'=a,50\nb,7\nc,0\n"
    assert "By index: 0 kind 2, 1 kind 3, 2 kind 4 and 7 more." in guarded.stderr
    assert "such as =a, which a spreadsheet would run as a formula; --exact writes them" in guarded.stderr
    assert "formula" not in core(*asked, "--exact").stderr
    assert output.read_text() == "ID,Label\n=a,50\nb,7\nc,0\n"


def test_programs_get_all_as_json(core: Core, run_id: str, images: Path) -> None:
    found = strict(core("predict", run_id, str(images), "--with", make_asked(), "--json").stdout)
    assert len(found["runs"]) == 2
    assert [image["guess"] for image in found["images"]] == [0, 1, 2]
    assert found["accuracy"]["num_right"] == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--columns", "Id", "-o", "x.csv"), "--columns 'Id': two names with a comma"),
        (("--ids", "stem"), "name it with --output"),
        (("--order", "missing.csv", "-o", "x.csv"), "missing.csv cannot be read"),
        (("--checkpoint", "last", "--with", "nobody"), "There is no run 'nobody'"),
    ],
)
def test_bad_input_is_one_sentence(
    core: Core, run_id: str, images: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = core("predict", run_id, str(images), *options)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_path_without_images_is_one_sentence(core: Core, run_id: str, tmp_path: Path) -> None:
    result = core("predict", run_id, str(tmp_path / "nowhere"))
    assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)
