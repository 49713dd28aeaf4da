"""A node uses its own copy where that is surely the same; other images are read once where the run is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.cluster.images import ImageKeeper, absolute_folder, lacks_images, read_images
from core.cluster.node import _load
from core.engine.data import load_data
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.system.child import Child
from tests.core.workers import tiny_spec
from tests.folders import make_folder


def folder_spec(folder: Path, **train: Any) -> RunSpec:
    spec = tiny_spec(**train).model_dump(mode="json")
    data = {"dataset": "folder", "folder": str(folder), "folder_classes": 2, "image_size": 8}
    return parse_spec({**spec, "data": data})


def test_only_a_published_set_or_none_at_all_is_taken_from_the_node(lab_folders: Path) -> None:
    assert not lacks_images(tiny_spec().data)
    assert lacks_images(RunSpec.model_validate({"data": {"dataset": "cifar10"}}).data)
    (lab_folders / "data" / "cifar10").mkdir()
    assert not lacks_images(RunSpec.model_validate({"data": {"dataset": "cifar10"}}).data)
    folder = make_folder(lab_folders / "pets", {"cat": 12, "dog": 12})
    assert lacks_images(folder_spec(folder).data), "a folder of this name elsewhere may hold other images"


def test_images_that_were_sent_are_the_same_data_as_those_read_here(lab_folders: Path) -> None:
    spec = folder_spec(make_folder(lab_folders / "pets", {"cat": 12, "dog": 12}))
    sent = _load(spec, read_images({"json": spec.model_dump_json()}))
    here = load_data(spec.data)
    assert sent.fingerprint == here.fingerprint
    assert torch.equal(sent.train.images, here.train.images)
    assert (sent.mean, sent.class_names) == (here.mean, here.class_names)


def test_a_set_is_read_once_and_the_oldest_makes_room(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(Child, "ask", lambda self, target, **asked: read.append(asked) or read_images(asked["spec"]))
    keeper = ImageKeeper(put=lambda images: images)
    specs = [
        folder_spec(make_folder(lab_folders / name, {"cat": 12, "dog": 12})).model_dump_json()
        for name in ("a", "b", "c")
    ]
    first = keeper.find(specs[0])
    assert keeper.find(specs[0]) is first
    assert type(first[0].images) is np.ndarray, "no file that only this machine has"
    for spec in specs[1:]:
        keeper.find(spec)
    assert len(read) == 3
    assert len(keeper.kept) == 2


def test_a_folder_is_named_from_the_root_for_processes_that_work_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    spec = folder_spec(Path("pets")).model_dump_json()
    assert RunSpec.model_validate_json(absolute_folder(spec)).data.folder == "/pets"
    plain = tiny_spec().model_dump_json()
    assert absolute_folder(plain) == plain
