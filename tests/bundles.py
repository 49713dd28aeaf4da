"""Archives of runs as our own export writes them, taken apart and put together again with something wrong."""

import hashlib
import io
import json
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.export.archive.pack import MANIFEST, pack_runs
from core.export.archive.unpack import Imported, import_runs
from core.runs.folder import Run
from core.system import files
from core.system.tensor_file import FORMAT, STATE
from tests.pages.sample_runs import EPOCHS, make_run

IMAGES, CLASSES = 40, 10


def write_checkpoint(state: Any = None, *, tensor: bytes = bytes(64), **changes: Any) -> bytes:
    """A checkpoint with one tensor, without torch; `changes` are to what its header says of that."""
    state = {"format": FORMAT, "epoch": 3, "weight": {"$tensor": True}} if state is None else state
    text = state if isinstance(state, str) else json.dumps(state)
    entry = {"dtype": "U8", "shape": [len(tensor)], "data_offsets": [0, len(tensor)], **changes}
    header = json.dumps({"__metadata__": {STATE: text}, "weight": entry}).encode()
    return len(header).to_bytes(8, "little") + header + tensor


def write_old_checkpoint(
    pickled: bytes = b"", *, compression: int = zipfile.ZIP_STORED, tensor: bytes = bytes(64)
) -> bytes:
    """A file laid out as torch's, without torch, as checkpoints of format 1 were."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("state/data.pkl", pickled or pickle.dumps({"format": 1, "epoch": 3}, protocol=2))
        archive.writestr("state/data/0", tensor)
        archive.writestr("state/version", "3\n")
    return buffer.getvalue()


def make_whole_run(checkpoint: bytes | None = None, **about: Any) -> Run:
    """A run with every kind of file."""
    run = make_run(about.pop("state", "finished"), **about)
    environment = run.environment() | {"val_images": IMAGES, "val_classes_dtype": "uint8", "started": 1.7e9}
    files.write_json(run.path / "environment.json", environment)
    files.write_json(run.path / "environment-1.json", environment | {"started": 1.6e9})
    files.write_json(run.path / "progress.json", {"phase": "train", "epoch": EPOCHS, "seconds": 15.0})
    files.write_json(run.path / "worker.json", {"process": {"pid": 1}})
    (run.path / "log.txt").write_text("Training.\n")
    (run.path / "run.lock").touch()
    folder = run.path / "predictions"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in ("val_last", "val_best", "test_last", "test_best"):
        np.save(folder / f"{name}.npy", generator.normal(size=(IMAGES, CLASSES)).astype(np.float16))
    for name in ("val_labels", "test_labels"):
        np.save(folder / f"{name}.npy", np.arange(IMAGES) % CLASSES)
    (folder / "val_classes.bin").write_bytes(bytes(EPOCHS * IMAGES))
    add_checkpoint(run, write_checkpoint() if checkpoint is None else checkpoint)
    return run


def add_checkpoint(run: Run, content: bytes, name: str = "epoch-00005.safetensors") -> None:
    folder = run.path / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    entry = {"name": name, "epoch": EPOCHS, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    size = (run.path / "metrics.jsonl").stat().st_size
    kept = {"kind": "best", "metrics_bytes": size, "classes_bytes": EPOCHS * IMAGES, "kept": False, "best_epoch": 0}
    files.write_json(folder / "manifest.json", {"checkpoints": [entry | kept]})


def pack(*runs: Run, **choices: Any) -> bytes:
    buffer = io.BytesIO()
    pack_runs([run.id for run in runs], buffer, **choices)
    return buffer.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def seal(members: dict[str, bytes]) -> dict[str, bytes]:
    """The members with a manifest that vouches for them as they are, whatever they are."""
    manifest = json.loads(members[MANIFEST])
    for run in manifest["runs"]:
        prefix = f"{run['id']}/"
        run["files"] = {
            name.removeprefix(prefix): {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
            if name.startswith(prefix)
        }
    return {**members, MANIFEST: json.dumps(manifest).encode()}


def build(
    members: dict[str, bytes],
    *,
    more: list[tuple[zipfile.ZipInfo, bytes]] | None = None,
    touch: Callable[[list[zipfile.ZipInfo]], None] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An archive of the members and of `more`; `touch` changes what its directory says of them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for info, content in more or []:
            archive.writestr(info, content)
        if touch:
            touch(archive.filelist)
    return buffer.getvalue()


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """A member of exactly this name: the constructor would cut it off at a NUL."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.external_attr = mode << 16
    return info


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a runs folder but locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def take_in(archive: bytes, **choices: Any) -> list[Imported]:
    return import_runs(io.BytesIO(archive), **choices)
