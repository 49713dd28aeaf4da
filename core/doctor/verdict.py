"""Whether a training is beyond help: ill of what more epochs do not mend, and no better than guessing for a while."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.doctor.diagnose import Diagnosis, Finding
from core.doctor.observed import Observed

PATIENCE_EPOCHS = 3
NEAR_GUESSING = 0.85  # of the loss of guessing


@dataclass(frozen=True)
class Verdict:
    """What a training is given up for, and since when it has been no better than guessing."""

    finding: Finding
    told: str


def give_up(observed: Observed, diagnosis: Diagnosis) -> Verdict | None:
    """None of a training that may still come to something, and of one that has ended."""
    fatal = [finding for finding in diagnosis.findings if finding.rule.fatal]
    last = observed.column("train/loss")[-PATIENCE_EPOCHS:]
    if not fatal or observed.has_ended or len(last) < PATIENCE_EPOCHS or observed.is_complete:
        return None
    if np.nanmin(np.append(last, np.inf)) < NEAR_GUESSING * observed.chance_loss:
        return None
    shown = f"{last[-1]:.2f}" if np.isfinite(last[-1]) else "no number"
    told = (
        f"{fatal[0].rule.title}: {fatal[0].found.evidence} After {observed.epochs} epochs the training loss is "
        f"{shown}; guessing costs {observed.chance_loss:.2f}."
    )
    return Verdict(fatal[0], told)
