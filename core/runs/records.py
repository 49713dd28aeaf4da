"""What the files of a run folder hold, as values; and what is wrong with one that cannot be read.

The records are dicts as they were written: any key may be missing, and those of another version are ignored. What is
there is checked against its type, by `core.runs.shapes`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, TypedDict, get_args

from pydantic import Field

from core.system import files
from core.system.errors import LabError
from core.system.folders import ID_PATTERN

State = Literal["queued", "running", "finished", "failed", "stopped", "pruned", "interrupted", "damaged"]
Ended = Literal["finished", "failed", "stopped", "pruned"]
ENDS = get_args(Ended)

BranchUse = Literal["line", "weights"]
SUFFIX = ".safetensors"  # of a checkpoint; ".pt" in older versions
STOPPED = "-stopped"  # in the name of a checkpoint from within an epoch

WeightsName = Literal["best", "last"]  # best on validation, or of the last epoch

ForeignState = Literal["finished", "failed", "stopped", "interrupted", "unknown"]  # as another tool tells it
Scalar = str | int | float | bool | None

Number = float | None  # None if it was not finite
YEAR_5000 = 1e11  # seconds since 1970
Moment = Annotated[float, Field(ge=0, le=YEAR_5000)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Process = dict[str, int | str] | None  # as `core.system.processes` identifies it
Scale = Annotated[list[float], Field(min_length=1, max_length=3)]  # grey, or red, green and blue


class Environment(TypedDict, total=False):
    """What a run is made with; the first four are known before torch has loaded."""

    started: Moment
    device: str
    pid: Whole
    hostname: str
    node: str  # of a cluster; missing where the run is trained by this machine itself
    platform: str
    python: str
    versions: dict[str, str | None]
    cpus: Whole
    threads: Whole
    commit: str | None  # None if the project is not a clone
    commit_changed: bool
    device_name: str
    precision: str
    parameters: Whole
    updates_per_epoch: Whole
    epochs_done: Whole
    data_fingerprint: str
    class_names: list[str]
    class_numbers: list[Whole]  # as the set itself numbers them; without any, by their names
    mean: Scale
    std: Scale
    train_images: Count
    val_images: Count
    test_images: Count
    left_out_images: Count  # damaged ones
    left_out: list[str]  # the first of them, with why; the log names all
    grey_scales: dict[str, list[float]]  # black and white of values of more than eight bits, by their type
    val_classes_dtype: Literal["uint8", "uint16"]
    notes: list[str]
    time: Moment
    not_finite: list[str]  # as `core.system.files` lists what was not finite


class Move(TypedDict):
    """A node that a run lost, as a phrase after its name, and after which epoch the run goes on elsewhere."""

    node: str
    reason: str
    epoch: Count
    time: Moment


class PlaceRecord(TypedDict, total=False):
    """What a run on a cluster asks of its nodes, the same wherever it goes on, and which of them it lost."""

    cpus: Number
    gpus: Number
    threads: Annotated[int, Field(ge=1, lt=100_000)]
    moves: list[Move]


class ProgressRecord(TypedDict, total=False):
    """How far the training is, and what it uses of the machine."""

    phase: str
    epoch: Whole
    epochs: Whole
    step: Whole
    steps: Whole
    seconds: Number
    seconds_left: Number
    time: Moment
    loss: Number
    images_per_second: Number
    cpu_percent: Number
    cpu_wait_percent: Number  # of the time, for a core that other programs have
    memory_bytes: Number
    gpu_percent: Number
    gpu_memory_bytes: Number
    oom_kills: Whole | None  # of the whole machine, so far
    not_finite: list[str]  # as `core.system.files` lists what was not finite


class End(TypedDict, total=False):
    """How a run ended, with its results."""

    state: Ended
    reason: str
    kind: str
    epoch: Whole
    ended: Moment
    metrics: dict[str, Number]
    not_finite: list[str]  # as `core.system.files` lists what was not finite


class MappedFigure(TypedDict):
    """Which series of another tool is one of our figures; of an accuracy also whether it is in percent."""

    series: str
    percent: bool


class ForeignRecord(TypedDict, total=False):
    """What is known of a run that another tool logged; in its folder instead of a spec."""

    format: Annotated[str, Field(min_length=1, max_length=40)]
    key: Annotated[str, Field(max_length=2000)]  # the same each time the same run is read
    configuration: dict[str, Scalar]
    mapping: dict[str, MappedFigure]  # by our figure, such as val/accuracy
    results: dict[str, float | Literal["NaN", "Infinity", "-Infinity"]]  # single values
    metrics: dict[str, Number]  # of them and of the last points, what is ours: test/accuracy
    left_out: dict[str, Count]
    remarks: list[str]
    state: ForeignState
    started: Moment | None
    imported: Moment
    points: Count
    not_finite: list[str]  # as `core.system.files` lists what was not finite


class WorkerRecord(TypedDict, total=False):
    """Which process holds, or last held, the run; `folder` is the inode of the run's folder, another for a copy."""

    process: Process
    folder: Whole
    oom_kills: Whole | None


class Crash(TypedDict, total=False):
    """How that process ended, if its parent saw it end unexpectedly."""

    process: Process
    status: Whole
    oom_kills: Whole | None
    time: Moment


class ForecastRecord(TypedDict, total=False):
    """What was measured of a spec before it was trained."""

    epoch_seconds: Number
    memory_bytes: Number


class DoctorRecord(TypedDict, total=False):
    """What the doctor has found in a run up to an epoch: titles of its rules, and why it gave the run up, if it did."""

    epoch: Count
    found: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
    given_up: Annotated[str, Field(max_length=2000)]


class RobustnessEntry(TypedDict, total=False):
    """How one set of weights answers spoiled images: how many of them are right, by kind at each strength."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    which: WeightsName
    version: Count
    seed: Count
    images: Count
    clean: Count
    right: dict[str, list[Count]]


class CheckpointEntry(TypedDict, total=False):
    """What the manifest says of a checkpoint; the two sizes are those of the files that grow beside it."""

    name: str
    epoch: Count
    bytes: Count
    sha256: str
    kind: WeightsName
    metrics_bytes: Count
    classes_bytes: Count
    kept: bool  # for good, by the run's rule
    best_epoch: Count  # whose weights it has as the best, where those are of an earlier epoch than its own


class BranchStep(TypedDict, total=False):
    """A run that a branch comes from, and the last of its epochs that the branch has too."""

    run: Annotated[str, Field(pattern=rf"^{ID_PATTERN.pattern}$")]
    name: Annotated[str, Field(max_length=200)]  # when the branch was made
    epoch: Count


class BranchRecord(BranchStep, total=False):
    """Where a branch began: after an epoch of its parent, from the checkpoint with this hash.

    It goes on with all of the parent's state (`line`), or takes its weights alone and counts its epochs from the start.
    """

    use: BranchUse
    checkpoint: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Count
    metrics_bytes: Count  # of the parent's files that grow, as in the manifest
    classes_bytes: Count
    changes: dict[str, Annotated[list[Scalar], Field(min_length=2, max_length=2)]]  # by path: what it was, what it is
    line: list[BranchStep]  # where the parent came from in turn, the nearest first
    class_names: list[str]  # of the parent's images
    time: Moment


MAX_TEXT = {"name": 200, "note": 20_000, "started_by": 400}
MAX_TAGS, MAX_TAG = 50, 60
COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)

# What `EpochEnd.metrics` holds, for a frame of a run that has no epoch yet.
COLUMNS = (
    "epoch",
    "step",
    "train/loss",
    "train/accuracy",
    "val/loss",
    "val/accuracy",
    "learning_rate",
    "images_per_second",
    "seconds",
)


class RunNotFoundError(LabError):
    """There is no run of this id."""


class DamagedRunError(LabError):
    """A run's own files cannot be read; the message says which and why."""


class NoSpecError(LabError):
    """Another tool logged the run, so it has no spec; the message says which."""


class AboutError(LabError, ValueError):
    """What people say about a run is too long, or no text."""


@dataclass(frozen=True)
class About:
    """What people say about a run; changes nothing in its result."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False
    created: float = 0.0  # seconds since 1970
    priority: int = 0
    started_by: str = ""
    colour: str = ""  # `#rrggbb`; without one the run has its own, by its id

    def __post_init__(self) -> None:
        """Raises AboutError."""
        for field, longest in MAX_TEXT.items():
            text = getattr(self, field)
            if not isinstance(text, str) or len(text) > longest:
                raise AboutError(f"{field}: must be text of at most {longest:,} characters")
        if not 0 <= self.created <= YEAR_5000:
            raise AboutError("created: must be a time, in seconds since 1970")
        if type(self.archived) is not bool or type(self.priority) is not int:
            raise AboutError("archived: must be true or false, priority a whole number")
        if len(self.tags) > MAX_TAGS:
            raise AboutError(f"tags: at most {MAX_TAGS}")
        if any(not isinstance(tag, str) or not 1 <= len(tag) <= MAX_TAG for tag in self.tags):
            raise AboutError(f"tags: each must be text of 1 to {MAX_TAG} characters")
        if not isinstance(self.colour, str) or not (self.colour == "" or COLOUR.fullmatch(self.colour)):
            raise AboutError("colour: must be written as #rrggbb, or left empty")
        for field, text in [*((field, getattr(self, field)) for field in MAX_TEXT), ("tags", "".join(self.tags))]:
            if not files.is_storable(text):
                raise AboutError(f"{field}: holds half a character (a lone surrogate)")

    @classmethod
    def read(cls, path: Path) -> About:
        """Raises DamagedFileError; keys of a newer version are ignored."""
        try:
            known = {key: value for key, value in files.read_json(path).items() if key in cls.__dataclass_fields__}
            return cls(**{**known, "tags": tuple(known.get("tags", ())), "created": float(known.get("created") or 0)})
        except FileNotFoundError:
            raise files.DamagedFileError("about.json is missing") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise files.DamagedFileError(f"about.json cannot be read: {error}") from error

    def write(self, path: Path) -> None:
        files.write_json(path, asdict(self))


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint that the manifest vouches for by its SHA-256."""

    name: str
    path: Path
    epoch: int
    bytes: int
    sha256: str
    kind: WeightsName
    metrics_bytes: int = 0
    classes_bytes: int = 0
    kept: bool = False
    best_epoch: int = 0  # where it is not its own

    @property
    def ends_epoch(self) -> bool:
        """Whether it was written at an epoch's end, not at a stop within the next one."""
        return self.epoch > 0 and STOPPED not in self.name


@dataclass(frozen=True)
class RunSummary:
    """One line of the table of runs; accuracies 0 to 1, None if not known yet."""

    id: str
    name: str
    state: State
    stop_requested: bool = False
    created: float = 0.0
    tags: tuple[str, ...] = ()
    archived: bool = False
    dataset: str = ""
    parameters: int = 0
    epoch: int = 0
    epochs: int = 0
    best_val_accuracy: float | None = None
    last_val_accuracy: float | None = None
    best_val_loss: float | None = None
    test_accuracy: float | None = None
    seconds: float = 0.0
    learning_rate: float = 0.0
    batch_size: int = 0
    optimizer: str = ""
    seed: int = 0
    device: str = ""
    node: str = ""  # of a cluster; empty where this machine trains it
    curve: tuple[float, ...] = ()  # val/accuracy, at most 40 points
    reason: str = ""
    priority: int = 0
    note: str = ""
    started_by: str = ""
    colour: str = ""  # chosen by a person; empty: its own, by its id
    tool: str = ""  # that logged it; empty: this lab
    # Of another tool's run at most 200 keys; of ours the fields that are not the default.
    configuration: tuple[tuple[str, Scalar], ...] = ()
    results: tuple[tuple[str, float], ...] = ()  # the figures that it ended with
    parent: str = ""  # the run that it branched off from; empty: none
    parent_name: str = ""
    parent_epoch: int = 0
    parent_sha256: str = ""  # of the checkpoint
    parent_use: str = ""  # line, or weights alone
    ailments: tuple[str, ...] = ()  # what the doctor found while it trained
    given_up: bool = False  # by the doctor

    @property
    def is_untested(self) -> bool:
        """Whether it ended without using the test images, as the trials of a study do."""
        return self.state == "finished" and self.test_accuracy is None and not self.tool
