"""The helper process answers, passes errors on, is replaced when it dies, and keeps torch out of its owner."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.data.store import DataError
from core.helper import process
from core.helper.process import call
from core.spec import RunSpec
from core.spec.parse import SpecError
from core.system.child import ChildError
from core.system.folders import PROJECT

GRID = "core.engine.preview:sample_grid"


@pytest.fixture(autouse=True)
def _fresh_helper() -> Iterator[None]:
    """Each test starts without a helper process, so that it sees the test's own data folder."""
    process._executor.submit(process._helper.stop).result()
    yield
    process._executor.submit(process._helper.stop).result()


def helper_id() -> int:
    return int(call("os:getpid").result(60))


def test_questions_are_answered_by_one_other_process() -> None:
    assert helper_id() == helper_id() != os.getpid()
    assert call("json:dumps", obj={"a": 1}).result(60) == '{"a": 1}'


def test_a_crash_is_reported_to_the_one_who_waits_and_the_next_question_is_answered() -> None:
    first = helper_id()
    with pytest.raises(ChildError, match="The helper process ended unexpectedly"):
        call("os:abort").result(60)
    assert helper_id() != first


def test_it_ends_when_nobody_was_here_for_long_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = helper_id()
    process.review(in_use=False)
    assert helper_id() == first
    monkeypatch.setattr(process, "IDLE_SECONDS", -1.0)
    process.review(in_use=True)
    assert helper_id() == first
    process.review(in_use=False)
    assert helper_id() != first


def test_a_module_is_loaded_ahead_once_and_again_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(process, "call", lambda target, name: asked.append(name))
    monkeypatch.setattr(process, "_warmed", set())
    monkeypatch.setattr(process, "IDLE_SECONDS", -1.0)
    process.warm_up("json")
    process.warm_up("json")
    assert asked == ["json"]
    process.review(in_use=False)
    monkeypatch.setattr(process, "available_memory", lambda: 1 << 28)
    process.warm_up("json")
    assert asked == ["json"]
    monkeypatch.setattr(process, "available_memory", lambda: 1 << 34)
    process.warm_up("json")
    assert asked == ["json", "json"]


def test_errors_arrive_as_what_they_are(lab_folders: Path) -> None:
    not_there = RunSpec().model_dump(mode="json") | {"data": {"dataset": "cifar10"}}
    with pytest.raises(DataError, match="CIFAR-10 is not on this machine yet"):
        call(GRID, spec_json=json.dumps(not_there), count=4, seed=0).result(60)
    with pytest.raises(SpecError) as caught:
        call(GRID, spec_json='{"train": {"epochs": 0}}', count=4, seed=0).result(60)
    assert [problem.path for problem in caught.value.problems] == ["train.epochs"]


def test_a_question_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    helper_id()
    monkeypatch.setattr(process, "_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ChildError, match="took longer than"):
        call("signal:pause").result(60)


def test_asking_imports_neither_torch_nor_the_main_script_again(tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text(
        "import sys\nprint('main runs')\nfrom core.helper.process import call\n"
        "print(call('os:getpid').result() > 0, 'torch' in sys.modules, 'core.engine' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    shown = subprocess.check_output([sys.executable, str(script)], env=environment, text=True, timeout=60)
    assert shown.splitlines() == ["main runs", "True False False"]


def test_the_picture_has_the_originals_on_top_and_their_changes_below() -> None:
    plain = RunSpec().model_dump(mode="json") | {"augment": {"crop_padding": 0, "flip": False}}
    changing = RunSpec().model_dump(mode="json") | {
        "augment": {"crop_padding": 0, "flip": False, "policy": "randaugment"}
    }
    pictures = [
        call(GRID, spec_json=json.dumps(spec), count=6, seed=seed).result(60)
        for spec, seed in ((plain, 0), (plain, 0), (plain, 1), (changing, 0))
    ]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]
    first, changed = (Image.open(io.BytesIO(content)) for content in (pictures[0], pictures[3]))
    assert first.size == (6 * 68 - 4, 4 * 68 - 4)
    top = first.crop((0, 0, first.width, 64))
    for row in range(1, 4):
        box = (0, row * 68, first.width, row * 68 + 64)
        assert first.crop(box).tobytes() == top.tobytes(), "without augmentation the rows are alike"
        assert changed.crop(box).tobytes() != top.tobytes()
    assert changed.crop((0, 0, first.width, 64)).tobytes() == top.tobytes()
