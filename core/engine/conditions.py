"""What decides how a training's sums are rounded: precision, threads, device and torch.

Precision and threads are settled at the first start and kept in every checkpoint, so that a resumed training goes on
as it began. What cannot be had again is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from core.engine.device import computes_in_bfloat16, most_threads, name_device, pick_precision
from core.spec import TrainSpec


@dataclass(frozen=True)
class Conditions:
    """How this process computes, and `kept`: what a checkpoint notes of it."""

    dtype: torch.dtype
    threads: int
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the training differs from one that was never interrupted; a sentence for each resume that made it so."""
        return tuple(self.kept["notes"])


def settle(train: TrainSpec, device: torch.device, resumed: dict[str, Any] | None = None) -> Conditions:
    """The conditions of a training that starts, or of one that goes on from the checkpoint `resumed`."""
    now = {"device_name": name_device(device), "torch": str(torch.__version__)}
    threads = torch.get_num_threads()
    if resumed is None:
        dtype = pick_precision(train.precision, device)
        return Conditions(dtype, threads, {"precision": _name(dtype), "threads": threads, **now, "notes": []})
    dtype = _find_precision(resumed.get("precision"), train, device)
    wanted = int(resumed.get("threads") or threads)
    # A GPU's sums do not depend on the threads of the CPU.
    threads = min(wanted, most_threads()) if device.type == "cpu" else threads
    kept = {"precision": resumed.get("precision") or _name(dtype), "threads": wanted, **now}
    changes = _list_changes(resumed, {**now, "precision": _name(dtype)})
    if device.type == "cpu" and threads < wanted:
        changes.append(f"{threads} instead of {wanted} threads, as no more may be used here")
    return Conditions(dtype, threads, kept | {"notes": _add_note(resumed, changes)})


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _find_precision(kept: str | None, train: TrainSpec, device: torch.device) -> torch.dtype:
    """The checkpoint's, which an older one does not name; `auto` never stands for an emulated bfloat16."""
    if train.precision != "auto" or kept not in ("float32", "bfloat16"):
        return pick_precision(train.precision, device)
    return torch.bfloat16 if kept == "bfloat16" and computes_in_bfloat16(device) else torch.float32


def _list_changes(resumed: dict[str, Any], now: dict[str, str]) -> list[str]:
    """What differs from the checkpoint; an older one does not name all of it."""
    texts = {
        "device_name": "on {new} instead of {old}",
        "torch": "torch {new} instead of {old}",
        "precision": "{new} instead of {old}, which this device does not compute in",
    }
    return [
        text.format(new=now[name], old=resumed[name])
        for name, text in texts.items()
        if resumed.get(name) not in (None, now[name])
    ]


def _add_note(resumed: dict[str, Any], changes: list[str]) -> list[str]:
    notes, what = [str(note) for note in resumed.get("notes") or []], "; ".join(changes)
    if changes and not any(what in note for note in notes):
        notes.append(
            f"After epoch {resumed['epoch']} this run went on under other conditions ({what}): its figures may differ "
            "in the last digits from those of a run without the interruption."
        )
    return notes
