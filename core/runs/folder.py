"""One run is one folder: what its files say, and which state follows from them.

State is worked out, never stored, so it cannot lie: an end that was written, else a lock that the worker's process
holds for life, else a launch of a moment ago, else the run was interrupted.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.runs import arrays, layout, metrics, presence, shapes, within
from core.runs.branches import name_parent, read_branch
from core.runs.crashes import explain_crash
from core.runs.foreign import describe_foreign, match_keys, name_tool, read_number
from core.runs.integrity import find_record, require_own_files, require_shape
from core.runs.records import (
    COLUMNS,
    ENDS,
    About,
    AboutError,
    CheckpointFile,
    Crash,
    DamagedRunError,
    DoctorRecord,
    End,
    Environment,
    ForecastRecord,
    ForeignRecord,
    NoSpecError,
    ProgressRecord,
    RunNotFoundError,
    RunSummary,
    State,
    WorkerRecord,
)
from core.runs.series import SeriesFile, recall_series
from core.runs.within import Notes
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.fields import list_changed
from core.spec.parse import SpecError, parse_spec
from core.system import files, locks, processes
from core.text.safe import name_file

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CURVE_POINTS = 40
MAX_LABEL, MAX_CONFIGURATION = 80, 200  # of a configuration from elsewhere, in a summary
_MANIFEST = f"{layout.CHECKPOINTS}/{layout.MANIFEST}"
# Records without which nothing can be said of a run; one that is there has its shape.
_REQUIRED = {layout.END: shapes.END, layout.ENVIRONMENT: shapes.ENVIRONMENT, layout.BRANCH: shapes.BRANCH}


class Run:
    """One run folder, read again on every call; only the spec never changes and is read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    def __repr__(self) -> str:
        return f"Run({self.id})"

    @cached_property
    def spec(self) -> RunSpec:
        """Raises DamagedRunError; NoSpecError for a run that another tool logged."""
        self.require_own()
        try:
            with files.open_regular(self.path / layout.SPEC, files.MAX_JSON_BYTES) as file:
                return parse_spec(file.read())
        except files.DamagedFileError as error:
            raise DamagedRunError(str(error)) from error
        except FileNotFoundError:
            raise DamagedRunError("spec.json is missing") from None
        except OSError as error:
            raise DamagedRunError(f"spec.json cannot be read: {error.strerror}") from error
        except (SpecError, UnicodeDecodeError) as error:
            raise DamagedRunError(f"spec.json: {error}") from error

    @property
    def is_foreign(self) -> bool:
        """Whether another tool logged it: it has a record and series in place of a spec."""
        return os.path.lexists(self.path / layout.FOREIGN)

    def require_own(self) -> None:
        """Raises NoSpecError for a run that another tool logged: it cannot be trained, and has no network."""
        if record := self.foreign():
            raise NoSpecError(f"{describe_foreign(record)} and has no spec of this lab.")

    def foreign(self) -> ForeignRecord | None:
        return (
            cast(ForeignRecord | None, find_record(self.path, layout.FOREIGN, shapes.FOREIGN))
            if self.is_foreign
            else None
        )

    def series(self) -> SeriesFile:
        """All that another tool logged of the run."""
        return recall_series(self.path / layout.SERIES)

    @property
    def about(self) -> About:
        """What people say about the run; with the id as its name if that cannot be read."""
        try:
            return About.read(self.path / layout.ABOUT)
        except files.DamagedFileError:
            return About(name=self.id)

    @property
    def file_stem(self) -> str:
        """What files of the run are called where they leave the lab, without an ending."""
        return name_file(self.about.name, self.id)

    def update_about(self, **changes: Any) -> None:
        """Changes name, tags, note, colour, archived or priority. Raises AboutError, RunNotFoundError, OSError."""
        try:
            with locks.hold(self.path / layout.CONTROL):
                before = asdict(self.about)
                if unknown := set(changes) - set(before):
                    raise AboutError(f"a run has no {', '.join(sorted(unknown))}")
                if "tags" in changes:
                    changes["tags"] = tuple(dict.fromkeys(tag.strip() for tag in changes["tags"] if tag.strip()))
                About(**{**before, **changes}).write(self.path / layout.ABOUT)
        except FileNotFoundError:
            self._require_folder()
            raise

    def damage(self) -> str:
        """What is wrong with the run's own files, or nothing. Raises RunNotFoundError if it was deleted."""
        try:
            require_own_files(self.path)
            if self.is_foreign:
                require_shape(self.path, layout.FOREIGN, shapes.FOREIGN)
            else:
                _ = self.spec
            About.read(self.path / layout.ABOUT)
            for name, shape in _REQUIRED.items():
                require_shape(self.path, name, shape)
            return metrics.find_fault(self.path / layout.METRICS)
        except (DamagedRunError, files.DamagedFileError) as error:
            self._require_folder()
            return str(error)

    def state(self) -> State:
        """What the files and locks say now. Raises RunNotFoundError if the run was deleted meanwhile."""
        return "damaged" if self.damage() else self.read_state()

    def read_state(self) -> State:
        """The state of a run that is known not to be damaged."""
        if ended := self._read_end():
            return ended
        if not self.is_alive():
            if presence.is_starting(self.path):
                return "queued"
            # Since the first look the worker may have come, in this order: its lock, no more launch note, an end.
            if not self.is_alive():
                if ended := self._read_end():
                    return ended
                self._require_folder()
                return "interrupted"
        return "running" if (self.path / layout.ENVIRONMENT).exists() else "queued"

    def _require_folder(self) -> None:
        if not self.path.is_dir():
            raise RunNotFoundError(f"There is no run {self.id}.")

    def _read_end(self) -> State | None:
        end = self.end()
        return end["state"] if end and end.get("state") in ENDS else None

    def is_alive(self) -> bool:
        """Whether a process trains this run or waits to."""
        return presence.is_held(self.path)

    @property
    def stop_requested(self) -> bool:
        return (self.path / layout.STOP).exists()

    def environment(self) -> Environment:
        """Versions, device, commit, data fingerprint; empty until the worker has started."""
        return cast(Environment, find_record(self.path, layout.ENVIRONMENT, shapes.ENVIRONMENT) or {})

    def remarks(self) -> list[str]:
        """What the run's worker noted, and what its files lack, as sentences."""
        notes = [str(note) for note in self.environment().get("notes") or []]
        epochs, rows = (self.end() or {}).get("epoch") or 0, len(self.rows())
        if rows < epochs:
            lost = f"{rows:,} of its {epochs:,} epochs"
            notes.append(f"metrics.jsonl holds {lost}: a line is missing, cut short or without its line feed.")
        return notes

    def progress(self) -> ProgressRecord | None:
        return cast(ProgressRecord | None, find_record(self.path, layout.PROGRESS, shapes.PROGRESS))

    def end(self) -> End | None:
        return cast(End | None, find_record(self.path, layout.END, shapes.END))

    def results(self) -> dict[str, Any]:
        """The figures that the run ended with; empty before its end."""
        return (self.end() or self.foreign() or {}).get("metrics") or {}

    def worker(self) -> WorkerRecord | None:
        return cast(WorkerRecord | None, find_record(self.path, layout.WORKER, shapes.WORKER))

    def forecast(self) -> ForecastRecord | None:
        """What was measured before the run was started."""
        return cast(ForecastRecord | None, find_record(self.path, layout.FORECAST, shapes.FORECAST))

    def doctor(self) -> DoctorRecord:
        """What the doctor found while the run trained; empty of one that nobody looked at."""
        return cast(DoctorRecord, find_record(self.path, layout.DOCTOR, shapes.DOCTOR) or {})

    def crash(self) -> Crash | None:
        return cast(Crash | None, find_record(self.path, layout.CRASH, shapes.CRASH))

    def rows(self) -> list[dict[str, Any]]:
        """One dict an epoch, as the worker wrote them; null for what was not finite."""
        return metrics.read_rows(self.path / layout.METRICS)

    def steps(self) -> Notes:
        """Training loss and accuracy within the epochs."""
        return within.read_steps(self.path / layout.STEPS)

    def use(self) -> Notes:
        """How busy the run kept the machine, every few seconds."""
        return within.read_use(self.path / layout.USE)

    def metrics(self) -> pd.DataFrame:
        """One row an epoch, the columns of `EpochEnd.metrics`; NaN if a figure was not finite."""
        import pandas as pd  # half a second that a worker and most commands need not wait for

        rows = self.rows()
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS), dtype=float)
        numbers = frame.drop(columns="not_finite", errors="ignore")
        return numbers.astype({name: float for name in numbers if numbers[name].dtype == object})

    def log_tail(self, lines: int = 200) -> str:
        """The end of the worker's output; reads no more than it needs of a long log."""
        try:
            with files.open_regular(self.path / layout.LOG) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 500 * lines))
                return "\n".join(deque(file.read().decode(errors="replace").splitlines(), maxlen=lines))
        except (OSError, files.DamagedFileError):
            return ""

    def require_manifest(self) -> None:
        """Raises DamagedFileError if the list of checkpoints is there, but cannot be used."""
        if (self.path / layout.CHECKPOINTS).is_dir():
            require_shape(self.path, _MANIFEST, shapes.CHECKPOINTS)

    def checkpoints(self) -> list[CheckpointFile]:
        """The checkpoints the manifest names and the folder holds, the newest last; none if it is damaged."""
        folder = self.path / layout.CHECKPOINTS
        manifest = find_record(self.path, _MANIFEST, shapes.CHECKPOINTS) or {"checkpoints": []}
        known = CheckpointFile.__dataclass_fields__
        named = [
            CheckpointFile(path=folder / Path(entry["name"]).name, **{k: v for k, v in entry.items() if k in known})
            for entry in manifest["checkpoints"]
        ]
        return [entry for entry in named if entry.path.is_file()]

    def predictions(self, name: str) -> np.ndarray[Any, Any] | None:
        """Logits (images, classes) of "val_last", "val_best", "test_last", "test_best"; or "val_labels", "test_labels".

        float32, or of older versions float16: the run's accuracies are of just these. None if not there (yet).
        """
        return arrays.read_array(self.path / layout.PREDICTIONS / f"{name}.npy")

    @property
    def has_validation(self) -> bool:
        """Whether images are held out to choose by, as far as is known."""
        return self.environment().get("val_images") != 0

    def val_classes(self) -> np.ndarray[Any, Any] | None:
        """The class predicted for each validation image after each epoch: (epochs, images)."""
        environment = self.environment()
        images, kind = environment.get("val_images"), environment.get("val_classes_dtype")
        if not images or kind not in ("uint8", "uint16"):
            return None
        path = self.path / layout.PREDICTIONS / layout.VAL_CLASSES
        return arrays.read_classes(path, images, kind, len(self.rows()))

    def kill(self) -> bool:
        """Kills the run's worker; False if the recorded process is not, or no longer, that worker."""
        process = (self.worker() or {}).get("process")
        return bool(process and self.is_alive() and processes.kill(process))

    def summary(self) -> RunSummary:
        return summarize(self)


def summarize(run: Run) -> RunSummary:
    """A run's line in the table."""
    about = run.about
    if damage := run.damage():
        return RunSummary(
            run.id, about.name, "damaged", created=about.created, tags=about.tags, reason=damage, colour=about.colour
        )
    if record := run.foreign():
        return _summarize_foreign(run, record)
    # The state first: what is read after it can only be newer.
    state, spec, origin, doctor = run.read_state(), run.spec, read_branch(run.path), run.doctor()
    results, progress, rows, environment = run.results(), run.progress() or {}, run.rows(), run.environment()
    accuracies = _finite(rows, "val/accuracy")
    return RunSummary(
        id=run.id,
        **vars(about),
        state=state,
        stop_requested=run.stop_requested and state in ("queued", "running"),
        dataset=spec.data.dataset,
        parameters=cost_of(spec).parameters,
        epoch=int(rows[-1].get("epoch") or len(rows)) if rows else 0,
        epochs=spec.train.epochs,
        best_val_accuracy=max(accuracies, default=None),
        last_val_accuracy=accuracies[-1] if accuracies else None,
        best_val_loss=min(_finite(rows, "val/loss"), default=None),
        test_accuracy=_number(results.get("test/accuracy")),
        seconds=max([*_finite(rows[-1:], "seconds"), _number(progress.get("seconds")) or 0.0]),
        learning_rate=spec.train.learning_rate,
        batch_size=spec.train.batch_size,
        optimizer=spec.train.optimizer,
        seed=spec.train.seed,
        device=str(environment.get("device") or spec.train.device),
        node=str(environment.get("node") or ""),
        curve=tuple(metrics.thin_out(list(accuracies), CURVE_POINTS)),
        reason=_reason(run, state),
        configuration=tuple(list_changed(spec)),
        results=tuple((key, number) for key in results if (number := _number(results[key])) is not None),
        **({} if origin is None else name_parent(origin)),
        ailments=tuple(doctor.get("found", ())),
        given_up=bool(doctor.get("given_up")),
    )


def _summarize_foreign(run: Run, record: ForeignRecord) -> RunSummary:
    state, rows = run.read_state(), run.rows()
    accuracies, configuration = _finite(rows, "val/accuracy"), record["configuration"]
    known = {field.partition(".")[2]: configuration[key] for field, key in match_keys(configuration).items()}
    numbers = {field: read_number(value) or 0 for field, value in known.items()}
    return RunSummary(
        id=run.id,
        **vars(run.about),
        state=state,
        stop_requested=run.stop_requested and state in ("queued", "running"),
        dataset=str(known.get("dataset") or "")[:MAX_LABEL],
        epoch=len(rows),
        epochs=len(rows),
        best_val_accuracy=max(accuracies, default=None),
        last_val_accuracy=accuracies[-1] if accuracies else None,
        best_val_loss=min(_finite(rows, "val/loss"), default=None),
        test_accuracy=_number(run.results().get("test/accuracy")),
        seconds=max(_finite(rows[-1:], "seconds"), default=0.0),
        learning_rate=float(numbers.get("learning_rate", 0.0)),
        batch_size=int(numbers.get("batch_size", 0)),
        optimizer=str(known.get("optimizer") or "")[:MAX_LABEL],
        seed=int(numbers.get("seed", 0)),
        curve=tuple(metrics.thin_out(list(accuracies), CURVE_POINTS)),
        reason=_reason(run, state),
        tool=name_tool(record["format"]),
        configuration=tuple(configuration.items())[:MAX_CONFIGURATION],
    )


def _reason(run: Run, state: State) -> str:
    if run.is_foreign and not (run.path / layout.ENVIRONMENT).exists() and state == "interrupted":
        return "Its tool noted that it was cut off, or no end of it."
    if state != "interrupted":
        return str((run.end() or {}).get("reason") or "")
    if run.stop_requested:
        return "Stopped at once on request. It can be resumed from its last checkpoint."
    return explain_crash(run.worker(), run.progress(), run.crash())


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return float(value) if usable else None


def _finite(rows: list[dict[str, Any]], key: str) -> list[float]:
    return [number for row in rows if (number := _number(row.get(key))) is not None]
