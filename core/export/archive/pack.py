"""One zip with the folders of one or several runs, and a manifest with the hash of every file.

What belongs to this machine alone is left out: locks, requests, the worker's process. Packing reads and writes in
pieces, so it takes little memory however large the checkpoints are, and a run that is training is packed as of one
moment: its whole epochs, and checkpoints whose hashes agree. Equal runs give equal bytes, whenever they are packed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.export.formats import Order, Report
from core.runs import layout
from core.runs.branches import ROOTS, read_branch
from core.runs.folder import Run
from core.runs.records import ENDS, CheckpointFile, RunNotFoundError, State
from core.runs.series import measure_whole
from core.runs.store import open_run
from core.system import files
from core.system.errors import LabError
from core.system.folders import ID_PATTERN, PROJECT
from core.system.locks import hold
from core.system.safe_zip import date_in_zip

FORMAT: Literal[1] = 1  # of the archive; rises when an older lab could no longer read it
MANIFEST = layout.MANIFEST  # of the archive, beside the folders of the runs
CHUNK = 1 << 20
MAX_RUNS = 100
MAX_LOG_BYTES = 4_000_000
_CHECKPOINT_NAME = rf"{layout.CHECKPOINTS}/[A-Za-z0-9][A-Za-z0-9._-]{{0,80}}\.(safetensors|pt)"
CHECKPOINT_NAME = re.compile(_CHECKPOINT_NAME)
# What a run folder holds and another machine can use. Nothing else is exported or imported.
MEMBERS = re.compile(
    r"(spec|about|environment(-[1-9][0-9]{0,3})?|progress|end|foreign|branch|robustness)\.json|(metrics|steps|use)\.jsonl|log\.txt"
    rf"|series\.bin|root\.(safetensors|pt)|checkpoints/manifest\.json|{_CHECKPOINT_NAME}"
    r"|predictions/((val_last|val_best|test_last|test_best|val_labels|test_labels)\.npy|val_classes\.bin)"
)
# Deflated; what is binary hardly shrinks, and stored it cannot be taken for a bomb.
TEXTS = (".json", ".jsonl", ".txt")
TRIES = 5
_APART = (layout.METRICS, layout.LOG, layout.END, layout.SERIES, *ROOTS)  # opened one by one


class BundleError(LabError):
    """A run cannot be packed, or an archive cannot be imported."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Member(_Record):
    """One file of a run, as the manifest lists it."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackedRun(_Record):
    """One run of an archive; its files are in a folder named by its id."""

    id: str = Field(pattern=rf"^{ID_PATTERN.pattern}$")
    name: str
    state: State
    checkpoints: bool  # whether they were wanted
    data_fingerprint: str | None = None
    files: dict[str, Member]


class Manifest(_Record):
    """What an archive holds: the last of its files to be written, as it has the hashes of all others."""

    format: Literal[1]
    lab: str
    exported: float  # when the newest run was made: an archive's bytes tell the time of no packing
    runs: list[PackedRun] = Field(min_length=1, max_length=MAX_RUNS)


@dataclass
class _Piece:
    """One file to pack: its first `size` bytes, whatever happens to it meanwhile."""

    name: str
    file: io.BufferedReader | io.BytesIO
    size: int


@dataclass
class _Parcel:
    """One run to pack, its files open."""

    run: Run
    state: State
    pieces: list[_Piece] = field(default_factory=list)
    checkpoints: list[CheckpointFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def created(self) -> float:
        return self.run.about.created

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)

    def add(self, name: str, content: bytes) -> None:
        self.pieces.append(_Piece(name, io.BytesIO(content), len(content)))


@cache
def lab_version() -> str:
    """The version of this project."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"])


def write_archive(order: Order, path: Path) -> str:
    with open(path, "wb") as file:
        return " ".join(pack_runs(order.ids, file, checkpoints=order.checkpoints, report=order.report))


def pack_runs(
    run_ids: Sequence[str], target: IO[bytes], *, checkpoints: bool = True, report: Report | None = None
) -> list[str]:
    """Writes an archive of the runs and returns remarks as sentences. `report` gets the bytes done and the total.

    With a branch goes the line of its parents, as far as they are here.

    Raises BundleError for a damaged run, RunNotFoundError, OSError.
    """
    ids, missing = add_parents(list(dict.fromkeys(run_ids)))
    if not 1 <= len(ids) <= MAX_RUNS:
        raise BundleError(f"An archive takes 1 to {MAX_RUNS} runs.")
    with ExitStack() as stack:
        parcels = [_collect(open_run(run_id), checkpoints, stack) for run_id in ids]
        total, done = sum(parcel.size for parcel in parcels), 0
        packed = []
        with zipfile.ZipFile(target, "w") as archive:
            for parcel in parcels:
                members = {}
                for piece in parcel.pieces:
                    members[piece.name] = _write(archive, f"{parcel.run.id}/{piece.name}", piece, parcel.created)
                    done += piece.size
                    if report:
                        report(done, total)
                packed.append(
                    PackedRun(
                        id=parcel.run.id,
                        name=parcel.run.about.name,
                        state=parcel.state,
                        checkpoints=checkpoints,
                        data_fingerprint=parcel.run.environment().get("data_fingerprint"),
                        files=members,
                    )
                )
            newest = max(parcel.created for parcel in parcels)
            manifest = Manifest(format=FORMAT, lab=lab_version(), exported=newest, runs=packed)
            _write(archive, MANIFEST, _in_memory(manifest.model_dump(mode="json")), newest)
    return [*missing, *(note for parcel in parcels for note in parcel.notes)]


def add_parents(run_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runs with their parents before them, and a sentence for each parent that cannot come along."""
    ids: list[str] = []
    notes: dict[str, str] = {}
    for run_id in run_ids:
        run = open_run(run_id)
        record = read_branch(run.path)
        for step in reversed([record, *record.get("line", [])]) if record else ():
            try:
                damage = open_run(step["run"]).damage()
            except RunNotFoundError:
                damage = "it is not here any more"
            if damage:
                who = step.get("name") or step["run"]
                notes[step["run"]] = (
                    f"{who}, from which {run.about.name} comes, is missing: {damage}. The branch has its own copy of "
                    f"what it took over."
                )
            else:
                ids.append(step["run"])
        ids.append(run_id)
    return list(dict.fromkeys(ids)), list(notes.values())


# Reading a run at one moment ----------------------------------------------------------------------------------------


def _collect(run: Run, checkpoints: bool, stack: ExitStack) -> _Parcel:
    """Opens all that is packed of a run, at one moment: an open file stays what it was when its name is replaced."""
    try:
        # Held, so that nobody resumes or deletes the run in between; a worker that trains it does not need it.
        with hold(run.path / layout.CONTROL):
            if damage := run.damage():
                raise BundleError(f"{run.about.name} is damaged and cannot be exported: {damage}.")
            parcel = _Parcel(run, run.read_state())
            if checkpoints:
                # First, so that metrics can only be ahead of them, as after a crash.
                _open_checkpoints(parcel, stack)
                for name in ROOTS:
                    _open(parcel, name, stack)
            _open_texts(parcel, stack)
            _open_predictions(parcel, stack)
    except FileNotFoundError:
        raise RunNotFoundError(f"There is no run {run.id}.") from None
    _drop_unsound(parcel)
    return parcel


def _open_checkpoints(parcel: _Parcel, stack: ExitStack) -> None:
    """Tries again if the run, which may be training, removes an older checkpoint in between."""
    for _ in range(TRIES):
        entries = parcel.run.checkpoints()
        with ExitStack() as opened:
            try:
                opens = [opened.enter_context(open(entry.path, "rb")) for entry in entries]
            except FileNotFoundError:
                continue
            stack.push(opened.pop_all())
        parcel.checkpoints = entries
        parcel.pieces = [_Piece(_name(entry), file, entry.bytes) for entry, file in zip(entries, opens, strict=True)]
        return
    raise BundleError(f"{parcel.run.about.name} writes checkpoints faster than they can be read. Stop it first.")


def _name(entry: CheckpointFile) -> str:
    return f"{layout.CHECKPOINTS}/{entry.name}"


def _open_texts(parcel: _Parcel, stack: ExitStack) -> None:
    run = parcel.run
    for path in sorted(run.path.iterdir()):
        if path.name not in _APART and MEMBERS.fullmatch(path.name):
            content = path.read_bytes()
            # The last line may be half written, as that of the metrics.
            parcel.add(path.name, content[: content.rfind(b"\n") + 1] if path.suffix == ".jsonl" else content)
    if metrics := _open(parcel, layout.METRICS, stack):
        # The last line may be half written: the worker is still appending.
        metrics.size = _end_of_lines(metrics)
    log = _open(parcel, layout.LOG, stack)
    if log and log.size > MAX_LOG_BYTES:
        log.file.seek(-MAX_LOG_BYTES, os.SEEK_END)
        parcel.pieces.remove(log)
        parcel.add(layout.LOG, log.file.read(MAX_LOG_BYTES))
        parcel.notes.append(f"Only the last {MAX_LOG_BYTES // 1_000_000} MB of its log are packed.")
    if series := _open(parcel, layout.SERIES, stack):
        series.size = measure_whole(run.path / layout.SERIES)
    if parcel.state in ENDS:
        _open(parcel, layout.END, stack)
    elif parcel.state in ("queued", "running"):
        parcel.add(layout.END, _write_end(run, parcel.state))
        parcel.notes.append("It was not done yet: it is packed as it stood, and arrives as stopped.")


def _write_end(run: Run, state: State) -> bytes:
    """On another machine nothing trains this run: there it is stopped, and can be resumed."""
    epoch = len(run.rows())
    what = f"was training, after epoch {epoch}," if state == "running" else "waited in the queue"
    end = {"state": "stopped", "reason": f"It {what} when it was exported.", "kind": "exported", "epoch": epoch}
    return files.to_text({**end, "ended": time.time(), "metrics": {}})


def _open_predictions(parcel: _Parcel, stack: ExitStack) -> None:
    for path in sorted((parcel.run.path / layout.PREDICTIONS).glob("*")):
        if MEMBERS.fullmatch(f"{layout.PREDICTIONS}/{path.name}"):
            _open(parcel, f"{layout.PREDICTIONS}/{path.name}", stack)


def _open(parcel: _Parcel, name: str, stack: ExitStack) -> _Piece | None:
    path = parcel.run.path / name
    if not path.is_file():
        return None
    file = open(path, "rb")  # noqa: SIM115 - closed by the stack
    stack.enter_context(file)
    piece = _Piece(name, file, os.fstat(file.fileno()).st_size)
    parcel.pieces.append(piece)
    return piece


def _end_of_lines(piece: _Piece) -> int:
    """How many bytes there are up to the end of the last whole line."""
    end = piece.size
    while end > 0:
        start = max(0, end - 65_536)
        piece.file.seek(start)
        found = piece.file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _drop_unsound(parcel: _Parcel) -> None:
    """Leaves out checkpoints whose bytes are not those that were written, and lists the others for the importer."""
    for piece in [each for each in parcel.pieces if each.name in ROOTS]:
        record = read_branch(parcel.run.path)
        if record is None or hashlib.file_digest(piece.file, "sha256").hexdigest() != record["sha256"]:
            parcel.pieces.remove(piece)
            parcel.notes.append(f"{piece.name} is damaged and was left out.")
    if not parcel.checkpoints:
        return
    by_name = {piece.name: piece for piece in parcel.pieces}
    sound = []
    for entry in parcel.checkpoints:
        piece = by_name[_name(entry)]
        if hashlib.file_digest(piece.file, "sha256").hexdigest() == entry.sha256:
            sound.append(entry)
        else:
            parcel.pieces.remove(piece)
            parcel.notes.append(f"{entry.name} is damaged and was left out.")
    listed = [{key: value for key, value in asdict(entry).items() if key != "path"} for entry in sound]
    if listed:
        parcel.pieces.append(_in_memory({"checkpoints": listed}, f"{layout.CHECKPOINTS}/{layout.MANIFEST}"))


def _in_memory(value: dict[str, Any], name: str = "") -> _Piece:
    content = files.to_text(value)
    return _Piece(name, io.BytesIO(content), len(content))


# Writing ------------------------------------------------------------------------------------------------------------


def _write(archive: zipfile.ZipFile, name: str, piece: _Piece, moment: float) -> Member:
    info = zipfile.ZipInfo(name, date_in_zip(moment))
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_DEFLATED if Path(name).suffix in TEXTS else zipfile.ZIP_STORED
    info.file_size = piece.size  # otherwise no room is left for the size of a file of several GB
    digest = hashlib.sha256()
    with archive.open(info, "w") as out:
        for chunk in _read(piece):
            digest.update(chunk)
            out.write(chunk)
    return Member(bytes=piece.size, sha256=digest.hexdigest())


def _read(piece: _Piece) -> Iterator[bytes]:
    piece.file.seek(0)
    left = piece.size
    while left:
        chunk = piece.file.read(min(CHUNK, left))
        if not chunk:
            raise BundleError(f"{piece.name} changed while it was packed. Try again.")
        left -= len(chunk)
        yield chunk
