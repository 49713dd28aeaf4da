"""Finds runs of other tools in a file or folder: what a file is, its content tells, never its name."""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipInfo

from core.data.archives import open_archive
from core.imports.draft import MAX_SECONDS, MAX_UNPACKED, Budget, count_left_out
from core.imports.hints import AIM, list_missing
from core.imports.staging import given_name, staged
from core.imports.table import TableColumns, is_table, read_table
from core.imports.values import WITH_IDS, ForeignRun, Found, ImportFilesError, count_points
from core.system.errors import explain_os_error
from core.system.files import DamagedFileError, open_regular
from core.system.folders import ID_PATTERN
from core.system.names import readable
from core.text.safe import plain
from core.text.words import count_of

MAX_FILES = 100_000  # of a folder, looked at
MAX_BYTES = 4_000_000_000  # of a file
MAX_ZIP_DEPTH = 2  # a zip may hold zips, as several sessions of ClearML packed together do
HPARAMS = "hparams.yaml"  # of Lightning, beside event files and tables
HEAD_BYTES = 256  # enough to tell what a file is
CHECKPOINT = b"/data.pkl"  # the first member of torch's, which are zips of gigabytes

_LINKS = "links, which are not followed"


@dataclass
class Folder:
    """The files of a folder by their names below it, each with how it begins."""

    root: Path
    heads: dict[str, bytes] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def path(self, name: str) -> Path:
        return self.root / name if name else self.root

    @property
    def name(self) -> str:
        """The folder's own name, for a run that lies in it directly; uploads lie in a hidden folder."""
        return "imported" if self.root.name.startswith(".") else self.root.name

    def parents(self, names: Iterable[str]) -> dict[str, list[Path]]:
        """The files by the folder that they lie in: "" for the folder itself."""
        found: dict[str, list[Path]] = {}
        for name in names:
            found.setdefault(name.rpartition("/")[0], []).append(self.path(name))
        return found


def read_path(path: Path, *, columns: TableColumns | None = None) -> Found:
    """The runs in a file or in all files of a folder.

    Raises ImportFilesError if there is none, with a sentence that names the file.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        folder = list_folder(path) if is_folder else Folder(path, {"": _read_head(path)})
    except OSError as error:
        raise ImportFilesError(explain_os_error(error)) from error
    except DamagedFileError as error:
        raise ImportFilesError(f"{error}.") from error
    reading = _Reading(folder, columns)
    reading.read()
    return reading.finish(plain(readable(path.name)) or "The folder")


def list_folder(root: Path) -> Folder:
    """The regular files below a folder. Raises ImportFilesError, OSError."""
    folder = Folder(root)
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(parent, name)))
        for name in sorted(names):
            path = Path(parent, name)
            if len(folder.heads) >= MAX_FILES:
                raise ImportFilesError(f"{root.name} holds more than {MAX_FILES:,} files: choose a folder in it.")
            if path.is_symlink():
                folder.left_out[_LINKS] += 1
                continue
            try:
                folder.heads[path.relative_to(root).as_posix()] = _read_head(path)
            except (OSError, DamagedFileError):
                folder.left_out["files that cannot be read"] += 1
    return folder


def _read_head(path: Path) -> bytes:
    with open_regular(path, MAX_BYTES) as file:
        return file.read(HEAD_BYTES)


class _Reading:
    """Hands the files of a folder to their readers, and gathers what they find."""

    def __init__(self, folder: Folder, columns: TableColumns | None, outer: _Reading | None = None) -> None:
        self.folder, self.told = folder, columns
        self.budget: Budget = outer.budget if outer else Budget()
        self.depth: int = outer.depth + 1 if outer else 0  # of zips within zips
        self.rest = dict(folder.heads)  # what no reader has taken yet
        self.names = sorted(folder.heads)
        self.unread = 0  # files in zips that no reader has taken
        self.runs: list[ForeignRun] = []
        self.left_out: list[dict[str, int]] = [folder.left_out]
        self.columns: dict[str, None] = {}
        self.details: dict[str, Any] = {}
        self.errors: list[ImportFilesError] = []

    def read(self) -> None:
        self._leave_out_aim()
        self._read_zips()
        self._read_tensorboard()
        self._read_logs()
        self._read_databases()
        self._read_mlflow_files()
        self._read_dvclive()
        self._read_clearml()
        self._read_tables()

    def finish(self, name: str) -> Found:
        if not self.runs and self.errors:
            raise self.errors[0]
        if not self.runs and "own" not in self.details:
            looked = f" in {count_of(len(self.folder.heads), 'file')}" if "" not in self.folder.heads else ""
            found = f"{name}: no run of a tool that is read here was found{looked}."
            raise ImportFilesError(" ".join([found, *list_missing(self.names)]))
        left_out = [*self.left_out, Counter(str(error).rstrip(".") for error in self.errors)]
        if unread := self.unread + len(self.rest):
            left_out.append({"files that hold no run": unread})
        return Found(tell_apart(self.runs), count_left_out(left_out), tuple(self.columns), self.details)

    def _take(self, names: Iterable[str]) -> None:
        for name in list(names):
            self.rest.pop(name, None)

    def _holds(self, root: str) -> bool:
        """Whether there is a file below a folder."""
        first = bisect_left(self.names, root)
        return first < len(self.names) and self.names[first].startswith(root)

    def _take_below(self, root: str) -> list[str]:
        """Takes those files below a folder that no reader has taken yet; `root` ends in "/" unless it is the whole."""
        first = bisect_left(self.names, root)
        names = []
        for name in islice(self.names, first, None):
            if not name.startswith(root):
                break
            if name in self.rest:
                names.append(name)
        self._take(names)
        return names

    def _try(self, read: Callable[[], Iterable[ForeignRun]]) -> None:
        """Takes the runs of a reader; what one file lacks keeps no other from being read."""
        if self.budget.is_late():
            self.left_out.append({f"files or folders after {MAX_SECONDS / 60:.0f} minutes of reading": 1})
            return
        self.budget.runs -= 1
        if self.budget.runs < 0:
            self.left_out.append({"files or folders of more runs than are read at once": 1})
            return
        try:
            self.runs.extend(read())
        except ImportFilesError as error:
            self.errors.append(error)
        except OSError as error:
            self.errors.append(ImportFilesError(explain_os_error(error)))
        except DamagedFileError as error:
            self.errors.append(ImportFilesError(f"{error}."))

    def _leave_out_aim(self) -> None:
        """Only Aim itself opens its databases, and only to write; what it exports is a table."""
        for name in [name for name in self.rest if name.rpartition("/")[2] == "run_metadata.sqlite"]:
            root = name.removesuffix("run_metadata.sqlite")
            if any(self._holds(f"{root}{part}/") for part in ("meta", "seqs")):
                self._take_below(root)
                self.errors.append(ImportFilesError(f"{root.rstrip('/') or self.folder.name} {AIM}"))

    def _read_zips(self) -> None:
        for name in [name for name, head in self.rest.items() if head.startswith(b"PK\x03\x04")]:
            if CHECKPOINT in self.rest[name]:
                self._take([name])
                self.left_out.append({"checkpoints": 1})
                continue
            path = self.folder.path(name)
            self._take([name])
            if self.depth >= MAX_ZIP_DEPTH or self.budget.zips <= 0:
                self.left_out.append({"zips within zips, or too many of them": 1})
                continue
            self.budget.zips -= 1
            self._try(partial(self._read_zip, path))

    def _read_zip(self, path: Path) -> list[ForeignRun]:
        with open_regular(path, MAX_BYTES) as file:
            if is_own(file, path.name):
                self.details["own"] = True
                self.left_out.append({"archives of this lab, to be imported by themselves": 1})
                return []
            self.budget.unpacked -= measure_unpacked(file, path.name)
            if self.budget.unpacked < 0:
                raise ImportFilesError(f"Zips that unpack to more than {MAX_UNPACKED // 10**9} GB together.")
            with staged([(path.name, file)]) as folder:
                inner = _Reading(list_folder(folder), self.told, self)
                inner.read()
                self.left_out += inner.left_out
                self.errors += inner.errors
                self.columns.update(inner.columns)
                self.details.update(inner.details)
                self.unread += len(inner.rest) + inner.unread
                return inner.runs

    def _read_tensorboard(self) -> None:
        if not any(b"brain.Event:" in head for head in self.rest.values()):
            return
        # It takes 50 ms to load, which no other format needs.
        from core.imports.tensorboard import is_event_file, join_runs, read_events

        names = [name for name, head in self.rest.items() if is_event_file(head)]
        runs, first = {}, len(self.runs)
        for parent, paths in self.folder.parents(names).items():
            before = len(self.runs)
            shown = given_name(parent).rstrip("/") or self.folder.name
            read = partial(read_events, shown, paths, self.budget)
            self._try(partial(self._read_with_hparams, read, parent))
            if len(self.runs) > before:
                runs[parent] = self.runs[-1]
        self.runs[first:] = join_runs(runs, self.folder.name)
        self._take(names)

    def _read_logs(self) -> None:
        from core.imports import swanlab, wandb

        names = [name for name, head in self.rest.items() if head.startswith(wandb.MAGIC)]
        left_out: dict[str, int] = {}
        self._try(partial(wandb.read_logs, [self.folder.path(name) for name in names], self.budget, left_out))
        self.left_out.append(left_out)
        self._take(names)
        for name in [name for name, head in self.rest.items() if head.startswith(swanlab.MAGIC)]:
            config = f"{name.rpartition('/')[0]}/{swanlab.CONFIG}".removeprefix("/")
            path = self.folder.path(config) if config in self.rest else None
            self._try(partial(swanlab.read_log, self.folder.path(name), path, self.budget))
            self._take([name])
            if path:  # a run's folder, with copies of its figures, its media and what it printed
                self._take_below(config.removesuffix(swanlab.CONFIG))

    def _read_databases(self) -> None:
        from core.imports import database

        for name in [name for name, head in self.rest.items() if head.startswith(database.MAGIC)]:
            self._try(partial(self._read_database, name))

    def _read_database(self, name: str) -> Iterable[ForeignRun]:
        from core.imports import database, mlflow, trackio

        path, taken = self.folder.path(name), [name, *(f"{name}{ending}" for ending in database.BESIDE)]
        try:
            tables = database.find_tables(path)
        except ImportFilesError:
            self._take(taken)
            raise
        for tool in (mlflow, trackio):
            if all(tables.get(table, set()) >= columns for table, columns in tool.TABLES.items()):
                self._take(taken)
                left_out: dict[str, int] = {}
                self.left_out.append(left_out)
                runs: Iterable[ForeignRun] = tool.read_database(path, self.budget, left_out)
                return runs
        if cut := database.tell_cut(path):
            self._take(taken)
            raise ImportFilesError(f"{path.name}: {cut}.")
        return ()

    def _read_mlflow_files(self) -> None:
        from core.imports import mlflow

        for name in [name for name in self.rest if name.rpartition("/")[2] == "meta.yaml"]:
            meta = mlflow.read_meta(self.folder.path(name))
            if meta is None:
                continue
            root = name.removesuffix("meta.yaml")
            names = self._take_below(root)
            if meta.get("lifecycle_stage") == "deleted":
                self.left_out.append({mlflow.DELETED: 1})
            else:
                files = {each.removeprefix(root): self.folder.path(each) for each in names}
                self._try(partial(mlflow.read_run, meta, files, self.budget))

    def _read_dvclive(self) -> None:
        from core.imports import dvclive

        marked = [f"/{name}".find(f"/{dvclive.TABLES}") for name in self.rest]
        roots = {name[:place] for name, place in zip(self.rest, marked, strict=True) if place >= 0}
        for root in sorted(roots):
            files = {name.removeprefix(root): self.folder.path(name) for name in self._take_below(root)}
            # DVCLive's folder is called "dvclive" unless told otherwise, and stands in that of the project.
            place = "" if root == "dvclive/" else root.removesuffix("dvclive/")
            name = place.rstrip("/") or self.folder.name
            self._try(partial(dvclive.read_folder, place, name, files, self.budget))

    def _read_clearml(self) -> None:
        from core.imports import clearml

        for name in [name for name in self.rest if name.rpartition("/")[2] == clearml.TASK]:
            task = clearml.read_task(self.folder.path(name))
            if task is None:
                continue
            root = name.removesuffix(clearml.TASK)
            metrics = f"{root}{clearml.METRICS}"
            path = self.folder.path(metrics) if metrics in self.rest else None
            self._try(partial(clearml.read_session, task, path, self.budget))
            self._take([name, metrics, f"{root}log.jsonl"])

    def _read_tables(self) -> None:
        for name in list(self.rest):
            path = self.folder.path(name)
            alone = name == ""
            if not alone and (name.rpartition("/")[2] == HPARAMS or not is_table(path)):
                continue
            self._take([name])
            read = partial(self._read_table, path, given_name(name) or path.name)
            self._try(partial(self._read_with_hparams, read, name.rpartition("/")[0]))

    def _read_with_hparams(self, read: Callable[[], Iterable[ForeignRun]], parent: str) -> Iterable[ForeignRun]:
        """The runs of files in a folder, with what Lightning wrote beside them."""
        runs, name = read(), f"{parent}/{HPARAMS}".removeprefix("/")
        if name not in self.folder.heads:
            return runs
        from core.imports.lightning import add_hparams

        self._take([name])
        return add_hparams(runs, self.folder.path(name), self.budget)

    def _read_table(self, path: Path, name: str) -> tuple[ForeignRun, ...]:
        found = read_table(path, name, self.budget, self.told)
        self.columns.update(dict.fromkeys(found.columns))
        self.left_out.append(found.left_out)
        self.details.setdefault("columns", found.details["columns"])
        return found.runs


def is_own(file: BinaryIO, name: str) -> bool:
    """Whether a zip is an archive of runs of this lab: a manifest, and folders called as our runs are.

    Raises ImportFilesError.
    """
    names = [member.filename for member in _list_zip(file, name)]
    return "manifest.json" in names and all(
        name == "manifest.json" or ID_PATTERN.fullmatch(name.partition("/")[0]) for name in names
    )


def measure_unpacked(file: BinaryIO, name: str) -> int:
    """How many bytes a zip says that it holds. Raises ImportFilesError."""
    return sum(member.file_size for member in _list_zip(file, name))


def _list_zip(file: BinaryIO, name: str) -> list[ZipInfo]:
    with open_archive(file, lambda sentence: ImportFilesError(f"{plain(name)}: {sentence}")) as archive:
        return archive.infolist()


def tell_apart(runs: Iterable[ForeignRun]) -> tuple[ForeignRun, ...]:
    """The runs with keys that no two have: a copy of a run's files has the key of the run.

    Where the tool itself names its runs, two of one name are one run, and the longer is kept.
    """
    seen: dict[str, ForeignRun] = {}
    copies: Counter[str] = Counter()
    for run in runs:
        key = run.key
        if run.format in WITH_IDS and (known := seen.get(key)) and known.format == run.format:
            seen[key] = max(known, run, key=count_points)
            continue
        while key in seen:
            copies[run.key] += 1
            key = f"{run.key} ({copies[run.key] + 1})"
        seen[key] = run if key == run.key else replace(run, key=key)
    return tuple(seen.values())
