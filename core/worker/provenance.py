"""What a run was made with, so that its figures can be explained and repeated: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from core.engine.events import Started
from core.system.folders import PROJECT
from core.system.processes import host_name
from core.text.words import count_of, list_first

if TYPE_CHECKING:
    from core.data.cache import Fault
    from core.engine.data import Data

PACKAGES = ("torch", "torchvision", "numpy", "pydantic", "scikit-learn")
_COMMIT = "# branch.oid "  # before it, as git tells it
_LISTED, _NAMED = 200, 3  # images that are left out: in the record, in a remark


@cache
def _machine() -> dict[str, Any]:
    """As `describe_machine`, asked once a process: its code stays as it was loaded, whatever is committed meanwhile."""
    return describe_machine()


def describe_start(event: Started, data: Data, notes: list[str]) -> dict[str, Any]:
    """All of `environment.json` once the network is built: the machine, the network and the images."""
    network = asdict(event)
    notes = [*notes, *network.pop("notes")]
    return {
        **_machine(),
        "epochs_done": network.pop("epoch"),
        **network,
        "data_fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        **({"class_numbers": list(data.class_numbers)} if data.class_numbers else {}),
        # An exported model needs them, even if the images are gone.
        "mean": list(data.mean),
        "std": list(data.std),
        "train_images": len(data.train),
        "val_images": len(data.val),
        "test_images": len(data.test),
        **describe_images(data),
        "val_classes_dtype": "uint8" if len(data.class_names) <= 256 else "uint16",
        "notes": notes,
    }


def describe_images(data: Data) -> dict[str, Any]:
    """What became of damaged images and of grey values of more than eight bits; empty where there are none."""
    found: dict[str, Any] = {}
    if data.left_out:
        found |= {"left_out_images": len(data.left_out), "left_out": [str(one) for one in data.left_out[:_LISTED]]}
    if data.scales:
        found["grey_scales"] = {kind: list(scale) for kind, scale in data.scales.items()}
    return found


def tell_left_out(left_out: Sequence[Fault]) -> list[str]:
    """Remarks on images that a run goes without."""
    if not left_out:
        return []
    named = list_first([str(fault) for fault in left_out], _NAMED)
    return [f"{count_of(len(left_out), 'damaged image')} left out, which the log names: {named}."]


def describe_machine() -> dict[str, Any]:
    """Versions, host and the project's git commit, if there is one."""
    return {
        "hostname": host_name(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version_of(name) for name in PACKAGES},
        "cpus": os.cpu_count(),
        **describe_commit(),
    }


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe_commit() -> dict[str, Any]:
    """The commit, and whether the code differed from it."""
    if not (PROJECT / ".git").exists():
        return {"commit": None}
    told = _git("status", "--porcelain=v2", "--branch", "--untracked-files=no").splitlines()
    commit = next((line.removeprefix(_COMMIT) for line in told if line.startswith(_COMMIT)), "")
    # Of a repository without a commit git says "(initial)".
    return {
        "commit": commit if commit.isalnum() else None,
        "commit_changed": any(not line.startswith("#") for line in told),
    }


def _git(*words: str) -> str:
    try:
        # Without optional locks, as somebody may be committing at this moment.
        done = subprocess.run(  # nosec B607 - git is elsewhere on every system; it is only asked for the commit
            ["git", "--no-optional-locks", *words], cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
