"""All errors that this project raises on purpose are of one family."""

from __future__ import annotations

import ast
import builtins
import errno

import pytest

from core.data.store import DataError
from core.engine.checkpoint import CheckpointError
from core.engine.events import TrainingError
from core.runs.ends import describe_failure
from core.runs.records import AboutError
from core.spec.parse import SpecError, parse_spec
from core.system.errors import LabError, explain_os_error
from core.system.folders import PROJECT
from core.worker.local import DeviceError

# They end something, but nothing went wrong: nobody reads them.
SIGNALS = {"StopRequested", "StopRequestedError", "NotYet"}
# Of libraries, which hand them on as they are.
FOREIGN = {"Problem", "StartError"}
# Of scripts that leave the lab and read nothing of it.
ALONE = {"InputError"}


def test_every_exception_is_a_lab_error():
    bases = {}
    for folder in ("core", "pages", "server"):
        for path in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    roots = vars(builtins)

    def is_of(name: str, family: set[str]) -> bool:
        return name in family or any(is_of(base, family) for base in bases.get(name, ()))

    errors = {name for name in roots if name.endswith(("Error", "Exception", "Exit"))} | {"PydanticCustomError"}
    found = {name for name in bases if is_of(name, errors)} - SIGNALS - FOREIGN - ALONE - {"LabError"}
    assert len(found) > 20
    assert {name for name in found if not is_of(name, {"LabError"})} == set()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DataError("No images."), "data"),
        (CheckpointError("It is damaged."), "checkpoint"),
        (DeviceError("There is no GPU."), "device"),
        (TrainingError("nan", "The loss is no number."), "nan"),
        (LabError("It cannot be done."), "error"),
    ],
)
def test_an_error_that_ends_a_run_carries_its_kind(error, kind):
    assert describe_failure(error) == (str(error), kind)


def test_what_callers_caught_as_a_value_error_still_is_one():
    with pytest.raises(ValueError, match=r"train.epochs") as caught:
        parse_spec({"train": {"epochs": -1}})
    assert isinstance(caught.value, SpecError)
    assert issubclass(AboutError, ValueError)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/runs/2/about.json", "about.json cannot be changed: its disk is read-only."),
        (b"/runs/2/about.json", "about.json cannot be changed: its disk is read-only."),
        ("/runs/.slots/.lock", "A file cannot be changed: its disk is read-only."),
        ("/runs/.cache/.a1b2.json.77-140", "A file cannot be changed: its disk is read-only."),
    ],
)
def test_a_file_is_called_by_its_name_where_a_person_knows_it(path, sentence):
    assert explain_os_error(OSError(errno.EROFS, "Read-only file system", path)) == sentence
