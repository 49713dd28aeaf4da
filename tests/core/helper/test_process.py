"""The helper process answers, passes errors on, is replaced when it dies, and goes when its owner goes."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
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


class Awkward(Exception):
    """Can be packed, but not unpacked: the message alone does not make one."""

    def __init__(self, words: int, text: str) -> None:
        super().__init__(f"{words} {text}")


def raise_awkward() -> None:
    raise Awkward(2, "words")


def helper_id() -> int:
    return int(call("os:getpid").result(60))


def test_questions_are_answered_by_one_other_process() -> None:
    assert helper_id() == helper_id() != os.getpid()
    assert call("json:dumps", obj={"a": 1}).result(60) == '{"a": 1}'


def test_a_death_is_told_to_the_one_who_waits_and_the_next_question_is_answered() -> None:
    first = helper_id()
    with pytest.raises(ChildError, match="ended unexpectedly"):
        call("os:abort").result(60)
    second = helper_id()
    assert second != first
    os.kill(second, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(second)] if psutil.pid_exists(second) else [], timeout=5)
    assert helper_id() not in (first, second)


def test_errors_arrive_as_what_they_are(lab_folders: Path) -> None:
    not_there = RunSpec().model_dump(mode="json") | {"data": {"dataset": "cifar10"}}
    with pytest.raises(DataError, match="CIFAR-10 is not on this machine yet"):
        call(GRID, spec_json=json.dumps(not_there), count=4, seed=0).result(60)
    with pytest.raises(SpecError) as caught:
        call(GRID, spec_json='{"train": {"epochs": 0}}', count=4, seed=0).result(60)
    assert [problem.path for problem in caught.value.problems] == ["train.epochs"]
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        call("core.no_such_module:f").result(60)


def test_an_answer_or_error_that_cannot_be_sent_is_an_error_not_a_hang() -> None:
    with pytest.raises(Exception, match="pickle"):
        call("threading:Lock").result(60)
    with pytest.raises(ChildError, match=r"^Awkward: 2 words$"):
        call("tests.core.helper.test_process:raise_awkward").result(60)
    assert helper_id()


def test_a_question_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    helper_id()
    monkeypatch.setattr(process, "_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ChildError, match="took longer than"):
        call("signal:pause").result(60)


def test_the_helper_goes_when_its_owner_is_killed_even_in_the_middle_of_an_answer() -> None:
    code = (
        "import sys; from core.helper.process import call; print(call('os:getpid').result(), flush=True); "
        "call('signal:pause').result()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    helper = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    gone, _ = psutil.wait_procs([helper], timeout=10)
    assert gone


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
