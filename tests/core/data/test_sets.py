"""The sets that can be looked at: those with a name, and those of runs."""

from pathlib import Path

import pytest

from core.data.sets import list_sets
from core.runs import listing
from tests.folders import make_folder
from tests.pages.sample_runs import make_run


def test_folders_of_runs_are_listed_once(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_last", (0.0, None, listing.Listing([])), raising=False)
    root = make_folder(lab_folders / "images", {"cat": 4, "dog": 4})
    for seed in (0, 1):
        settings = ("data.dataset=folder", f"data.folder={root}", "data.folder_classes=2", f"train.seed={seed}")
        make_run("finished", settings=settings)
    titles = [each.title for each in list_sets()]
    assert titles == ["Digits (built in)", "CIFAR-10", "CIFAR-100", "Fashion-MNIST", "SVHN", str(root)]
    assert [each.is_here for each in list_sets()] == [True, *[False] * 4, True]
