"""What must be the same wherever parts of one run are trained: Python, torch and the lab's own code."""

from __future__ import annotations

import hashlib
import platform
from functools import cache

from core.system.folders import PROJECT

RESOURCE = "lab-"  # how the name begins of what a node offers to runs of its versions


@cache
def describe_versions() -> dict[str, str]:
    """Versions of `python`, `torch` and the `lab`, the last with a hash of its code; loads no torch."""
    from importlib import metadata  # 2 MB that a run waiting for a device of this machine need not have

    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "none"
    return {"python": platform.python_version(), "torch": torch, "lab": hash_code()}


@cache
def hash_code() -> str:
    """Twelve digits of the SHA-256 of all code below `core/`, and of the names of its files."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT / "core").rglob("*.py")):
        digest.update(f"{path.relative_to(PROJECT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def fit_name() -> str:
    """What nodes of just these versions offer: a run asks for it, so it is never trained by others."""
    text = " ".join(f"{name} {version}" for name, version in sorted(describe_versions().items()))
    return RESOURCE + hashlib.sha256(text.encode()).hexdigest()[:12]


def explain_misfit(theirs: dict[str, str], ours: dict[str, str] | None = None) -> str:
    """How a node's versions differ from those here, as a phrase that tells both; empty if they do not."""
    ours = ours or describe_versions()
    named = {"python": "Python", "torch": "torch", "lab": "lab code"}
    told = [
        f"{title} {theirs.get(key) or 'unknown'} there, {ours[key]} here"
        for key, title in named.items()
        if theirs.get(key) != ours[key]
    ]
    return "; ".join(told)
