"""Takes hostile files in by the lab's own doors, in a process of its own with a limit on its memory.

`python -m tests.security.swallow LIST.json` prints, for each file: what came of it, how long it took, and by how much
the process grew at most.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import resource
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open

from core.data.decoding import Look, decode_image
from core.data.downloads import _unpack, find_download
from core.data.store import DataError
from core.data.uploads import decode_upload
from core.engine.checkpoint import CheckpointError, load
from core.engine.examine import AS_IT_IS, Picture, ask
from core.export.archive.pack import BundleError
from core.export.archive.unpack import import_runs
from core.export.bring_in import bring_in
from core.helper.questions import QuestionError, WeightsFile
from core.imports.figures import guess_choice, read_rules
from core.imports.keep import describe_planned, keep_runs, plan_import
from core.imports.values import ImportFilesError
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec.presets import PRESETS
from core.system.tensor_file import STATE, unfold
from tests.security.hostile_files import OUTSIDE
from tests.security.payload import PWNED

# Beyond what the process has taken when all is imported.
MORE_BYTES = 2_000_000_000
EXPECTED = (BundleError, CheckpointError, DataError, ImportFilesError, QuestionError)
SPEC = PRESETS["first-look"].spec.model_dump_json()


def load_checkpoint(path: Path) -> object:
    load(path, hashlib.sha256(path.read_bytes()).hexdigest())
    return None


def ask_network(path: Path) -> object:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    ask(WeightsFile(SPEC, str(path), sha256, "last"), Picture(), AS_IT_IS)
    return None


def load_anything(path: Path) -> object:
    """The control: as torch loaded for years."""
    torch.load(path, weights_only=False)
    return None


def load_again_and_again(path: Path) -> object:
    """The control: a tensor for each time that it is named."""
    with safe_open(path, framework="pt") as opened:
        unfold(json.loads(opened.metadata()[STATE]), lambda name: opened.get_tensor(name).clone())
    return None


def unpack_anything(path: Path) -> object:
    """The control: as tarfile unpacked for years."""
    with tarfile.open(path) as archive:
        archive.extractall(path.parent / "unpacked" / "anything" / "deep", filter="fully_trusted")
    return None


def unpack(path: Path) -> object:
    with path.open("rb") as archive:
        return _unpack(find_download("cifar10"), [archive], path.parent / "unpacked" / path.stem)


def upload(path: Path) -> object:
    decode_upload(path.read_bytes(), Look(32))
    return None


def decode(path: Path) -> object:
    decode_image(path, Look(32))
    return None


def read_predictions(path: Path) -> object:
    folder = path.parent / "run" / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / "val_best.npy")
    if Run(folder.parent).predictions("val_best") is None:
        raise DataError("None: the page says that they cannot be read.")
    return None


def take_in(folder: Path) -> object:
    """An upload of files of another tool, to the end: read, looked at, kept, and each run opened as pages do."""
    names = [ast.literal_eval(line) for line in (folder / "names").read_text(encoding="utf-8").splitlines()]
    uploads = [(name, io.BytesIO((folder / f"{index}.bin").read_bytes())) for index, name in enumerate(names)]
    found = bring_in(uploads).found
    planned = plan_import(found.runs, guess_choice(found.runs, read_rules()))
    for each in planned[:2]:
        describe_planned(each)
    kept = [each.id for each in keep_runs(planned[:2])]
    try:
        for run_id in kept:
            run = open_run(run_id)
            if run.damage() or run.summary().state == "damaged":
                raise AssertionError(f"a damaged run was kept: {run.damage()}")
            run.series()
    finally:
        for run_id in kept:
            shutil.rmtree(open_run(run_id).path)
    return None


DOORS: dict[str, Callable[[Path], object]] = {
    "checkpoint": load_checkpoint,
    "network": ask_network,
    "import": import_runs,
    "foreign": take_in,
    "unpack": unpack,
    "upload": upload,
    "folder": decode,
    "predictions": read_predictions,
    "load anything": load_anything,
    "load anything again": load_again_and_again,
    "unpack anything": unpack_anything,
}


def read_memory(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def swallow(door: str, path: Path) -> dict[str, object]:
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest memory so far
    before, began = read_memory("VmRSS"), time.process_time()
    try:
        DOORS[door](path)
        outcome, words = "accepted", ""
    except EXPECTED as error:
        outcome, words = "refused", str(error)
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        outcome, words = "failed", f"{type(error).__name__}: {error}"
    grown = max(0, read_memory("VmHWM") - before)
    came = {"outcome": outcome, "words": words, "seconds": time.process_time() - began, "grown": grown}
    runs = [path.name for path in Path(os.environ["RESNET_LAB_RUNS"]).glob("[0-9]*")]
    return {**came, "harm": harm_done(path.parent), "runs": runs}


def harm_done(folder: Path) -> list[str]:
    """Files that only a payload writes, or that lie outside of where the archive was unpacked."""
    planted = [path for path in folder.rglob(OUTSIDE) if folder / "unpacked" not in path.parents]
    return [str(path) for path in [*planted, *folder.rglob(PWNED)]]


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text())
    limit = read_memory("VmSize") + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.nice(5)
    print(json.dumps([swallow(case["door"], Path(case["path"])) for case in cases]))


if __name__ == "__main__":
    main()
