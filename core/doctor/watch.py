"""The doctor beside a training: it looks after an epoch, notes what it found in the run's folder, and tells a verdict.

It costs a training little and never ends one: it looks no oftener than takes a twentieth of the time, and whatever goes
wrong here is a line of the log.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

from core.compare.snapshot import read_run
from core.doctor.diagnose import diagnose
from core.doctor.observed import observe
from core.doctor.verdict import give_up
from core.notify.announce import announce_given_up
from core.runs import layout
from core.runs.ends import log
from core.runs.folder import Run
from core.runs.records import DoctorRecord
from core.system import files

SHARE = 0.05  # of the time, at most


class Watch:
    """Of one run, by its worker: the one writer of what was found."""

    def __init__(self, folder: Path, *, is_trial: bool = False) -> None:
        self.folder, self.is_trial = folder, is_trial
        self._next = 0.0

    def look(self) -> None:
        """After an epoch, unless the last look was too short a time ago."""
        began = time.monotonic()
        if began < self._next:
            return
        look_at(self)
        self._next = time.monotonic() + (time.monotonic() - began) / SHARE


def look_at(watch: Watch) -> None:
    try:
        _look(watch)
    except Exception as error:  # noqa: BLE001 - the training goes on without it
        log(f"The doctor could not look: {type(error).__name__}.")


def look_once(folder: Path, *, is_trial: bool = False) -> None:
    """At a run that has ended, whose end some rules ask for."""
    look_at(Watch(folder, is_trial=is_trial))


def _look(watch: Watch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of figures that are no numbers
        observed = observe(read_run(watch.folder.name))
        diagnosis = diagnose(observed)
        verdict = give_up(observed, diagnosis)
    found = [finding.rule.title for finding in diagnosis.findings]
    before = Run(watch.folder).doctor()
    known = before.get("given_up", "")
    # What was said of a training that is over stays said.
    told = verdict.told if verdict else known if observed.has_ended or observed.is_complete else ""
    record: DoctorRecord = {"epoch": observed.epochs, "found": found, "given_up": told}
    if (found, bool(told)) != (before.get("found", []), bool(known)):
        files.write_json(watch.folder / layout.DOCTOR, dict(record))
    if verdict:
        announce_given_up(watch.folder, verdict.told, is_trial=watch.is_trial)
