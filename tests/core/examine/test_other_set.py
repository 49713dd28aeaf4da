"""Another set is found by name or path; the run's own is none."""

from pathlib import Path

import pytest
from PIL import Image

from core.data.store import DataError
from core.examine import other_set
from core.examine.answers import make_member
from core.examine.other_set import SetPrediction, find_set, require_other
from core.examine.weights import ExamineError
from core.spec import DataSpec
from tests.examined import CLASSES
from tests.measured import answer, make_measurable


def make_folder(root: Path, *classes: str) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(root / name / f"{number}.png")
    return root


def test_a_set_is_found_by_its_name_or_as_a_folder(own_folders: Path, tmp_path: Path) -> None:
    assert find_set("cifar10").dataset == find_set("CIFAR-10").dataset == "cifar10"
    brought = make_folder(own_folders / "data" / "sets" / "photos", "a", "b")
    assert find_set("photos").folder == str(brought)
    folder = make_folder(tmp_path / "elsewhere", "a", "b", "c")
    found = find_set(str(folder))
    assert (found.folder, found.folder_classes) == (str(folder), 3)


def test_what_is_no_set_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExamineError, match="neither a set nor a folder 'nowhere'"):
        find_set("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        find_set(str(tmp_path / "empty"))


def test_the_runs_own_set_is_refused(own_folders: Path) -> None:
    run = make_measurable()
    with pytest.raises(ExamineError, match="the set that the run was trained on"):
        require_other(run, DataSpec(dataset="digits"))
    require_other(run, DataSpec(dataset="cifar10"))


def test_pieces_are_one_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_measurable()
    monkeypatch.setattr(other_set, "call", answer)
    monkeypatch.setattr(other_set, "PIECE_IMAGES", 7)
    names = [f"kind {number}" for number in range(CLASSES)]
    predicted = SetPrediction(run, make_member(run)[0], DataSpec(dataset="cifar10"), names).result()
    assert (len(predicted.labels), predicted.correct.sum()) == (30, 20)
