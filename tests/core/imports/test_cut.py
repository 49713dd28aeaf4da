"""A file of each format, cut at every single byte: its whole records are there, and that it was cut is told."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event

from core.imports.read import read_path
from core.imports.values import ForeignRun, ImportFilesError
from core.imports.wire import read_fields
from tests.core.imports.made_files import MADE, all_points

Point = tuple[str, list[Any]]  # the series, and step, value and time as `all_points` has them
Record = tuple[int, list[Point]]  # where it ends in the file, and its points
_PAGE = 512


@dataclass(frozen=True)
class Case:
    """A file in its folder, and how its records are read by other means than ours.

    Only its first `records` are taken: each byte is a file to be read.
    """

    root: str
    path: str
    list_records: Callable[[bytes], Iterator[Record]]
    records: int = 1000
    beside: str = ""  # without which it is no run
    keeps_rest: bool = False  # a line without an end may be a whole one: its point is kept, with a word


def _point(step: int, value: float, time: float | None = None) -> list[Any]:
    return [step, float(value).hex(), None if time is None else float(time).hex()]


def list_events(content: bytes) -> Iterator[Record]:
    place = 0
    while place < len(content):
        start = place + 12
        place = start + int.from_bytes(content[place : place + 8], "little") + 4
        event = Event.FromString(content[start : place - 4])
        yield (
            place,
            [(each.tag, _point(event.step, each.simple_value, event.wall_time)) for each in event.summary.value],
        )


def list_frames(content: bytes) -> Iterator[tuple[int, dict[int, Any]]]:
    """The records of a log of less than a block, after its header."""
    place = 7
    yield place, {}
    while place < len(content):
        length = int.from_bytes(content[place + 4 : place + 6], "little")
        start, place = place + 7, place + 7 + length
        yield place, dict(read_fields(content[start:place]))


def list_wandb(content: bytes) -> Iterator[Record]:
    for end, record in list_frames(content):
        items = [dict(read_fields(item)) for number, item in read_fields(record.get(2, b"")) if number == 1]
        row = {item[2].decode(): json.loads(item[16]) for item in items}
        names = [name for name in row if not name.startswith("_")]
        yield end, [(name, _point(row["_step"], row[name], row["_timestamp"])) for name in names]


def list_swanlab(content: bytes) -> Iterator[Record]:
    for end, record in list_frames(content):
        if scalar := dict(read_fields(record.get(13, b""))):
            time, number = dict(read_fields(scalar[4])), dict(read_fields(scalar[5]))
            value = struct.unpack("<d", number[1])[0] if 1 in number else 0.0
            point = _point(scalar.get(2, 0), value, time[1] + time.get(2, 0) / 1e9)
            yield end, [(scalar[1].decode(), point)]
        else:
            yield end, []


def list_reports(content: bytes) -> Iterator[Record]:
    """ClearML's: lines of lists of objects."""
    text, place, decoder = content.decode(), 0, json.JSONDecoder()
    while (place := text.find("{", place)) >= 0:
        report, place = decoder.raw_decode(text, place)
        points = []
        if report["type"] == "training_stats_scalar" and report["iter"] >= 0:
            metric, variant = report["metric"], report["variant"]
            name = metric if metric == variant else f"{metric}/{variant}"
            points = [(name, _point(report["iter"], report["value"], report["timestamp"] / 1000))]
        yield place, points
        if text[place] == "]":
            yield place + 1, []  # the list is whole, also without the line's end


def list_lines(
    content: bytes, read: Callable[[list[str], list[str]], list[Point]], mark: str | None
) -> Iterator[Record]:
    place, lines = 0, content.decode().splitlines(keepends=True)
    header = lines[0].rstrip().split(mark)
    for number, line in enumerate(lines):
        place += len(line)
        yield place, read(header, line.rstrip("\r\n").split(mark)) if number or mark is None else []


def list_csv(content: bytes) -> Iterator[Record]:
    def read(header: list[str], cells: list[str]) -> list[Point]:
        row = dict(zip(header, cells, strict=True))
        step = int(row.pop("step"))
        return [(name, _point(step, float(cell))) for name, cell in row.items() if cell]

    for end, points in list_lines(content, read, ","):
        yield end - 1, points  # without the end of its line the row is whole
        yield end, []


def list_dvclive(content: bytes) -> Iterator[Record]:
    def read(header: list[str], cells: list[str]) -> list[Point]:
        row = dict(zip(header, cells, strict=True))
        return [("timed", _point(int(row["step"]), float(row["timed"]), int(row["timestamp"]) / 1000))]

    return list_lines(content, read, "\t")


def list_mlflow_lines(content: bytes) -> Iterator[Record]:
    def read(_: list[str], cells: list[str]) -> list[Point]:
        return [("train/loss", _point(int(cells[2]), float(cells[1]), int(cells[0]) / 1000))]

    return list_lines(content, read, None)


CASES = {
    "tensorboard": Case("tensorboard/torch/resumed", "events.out.tfevents.1760000000.host.2", list_events),
    "wandb": Case("wandb/resumed/wandb/offline-run-20261129_101111-cccc3333", "run-cccc3333.wandb", list_wandb),
    "swanlab": Case("swanlab", "run-eugkcx70.swanlab", list_swanlab, 12),
    "mlflow": Case(
        "mlflow/mlruns/673671532079008970/3bb9b228374d4028a3be793e0eb33cd3",
        "metrics/train/loss",
        list_mlflow_lines,
        beside="meta.yaml",
    ),
    "dvclive": Case("dvclive/dvclive", "plots/metrics/timed.tsv", list_dvclive, beside="params.yaml"),
    "clearml": Case("clearml/session.zip", "metrics.jsonl", list_reports, 6, beside="task.json"),
    "csv": Case("csv", "lightning.csv", list_csv, 20, keeps_rest=True),
}


def read(path: Path) -> tuple[dict[str, list[list[Any]]], list[str], ForeignRun | None]:
    """The points of the one run, all that is told, and the run; a refusal is told too."""
    try:
        found = read_path(path)
    except ImportFilesError as error:
        return {}, [str(error)], None
    (run,) = found.runs
    return all_points(run), [*run.remarks, *run.left_out, *found.left_out], run


def lay_out(case: Case, folder: Path) -> Path:
    """The file, alone in a folder but for what tells whose it is; returns where it lies."""
    root = MADE / case.root
    if root.suffix == ".zip":
        shutil.unpack_archive(root, folder / "unpacked")
        root = folder / "unpacked"
    for name in filter(None, (case.path, case.beside)):
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / "run" / name)
    return folder / "run" / case.path


@pytest.mark.parametrize("name", CASES)
def test_its_whole_records_are_there_wherever_it_was_cut(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = lay_out(case, tmp_path)
    records = list(case.list_records(path.read_bytes()))[: case.records]
    content = path.read_bytes()[: records[-1][0]]
    ends = {end for end, _ in records}
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        expected: dict[str, list[Any]] = {}
        for _, points in (record for record in records if record[0] <= size):
            for series, point in points:
                expected.setdefault(series, []).append(point)

        found, words, run = read(tmp_path / "run")

        if case.keeps_rest and size not in ends:
            found = {series: points[: len(expected[series])] for series, points in found.items() if series in expected}
        assert found == expected, size
        # Between two records nothing tells that others came after.
        assert words or size in {0, *ends}, size
        if run and run.format in ("wandb", "swanlab") and size < len(content):
            assert run.state == "interrupted", size


def make_database(path: Path, tool: str) -> bytes:
    """Small pages, so that few rows are many of them."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA page_size = {_PAGE}")
        if tool == "mlflow":
            database.execute("CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, lifecycle_stage TEXT)")
            columns = "key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN"
            database.execute(f"CREATE TABLE metrics ({columns})")
            database.execute("INSERT INTO runs VALUES ('a', 'a', 'FINISHED', 'active')")
            rows = [("loss", step + 1 / 3, 1_760_000_000_000, "a", step, 0) for step in range(1, 30)]
            database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        else:
            columns = "id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, run_name TEXT, step INTEGER, metrics BLOB"
            database.execute(f"CREATE TABLE metrics ({columns})")
            told = ("a", "2026-01-01T00:00:00.5+00:00", "a")
            rows = [(*told, step, json.dumps({"loss": step + 1 / 3}).encode()) for step in range(1, 10)]
            database.executemany(
                "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)", rows
            )
        database.commit()
        database.execute("VACUUM")  # no row has left a copy of itself in a page
    return path.read_bytes()


@pytest.mark.parametrize("tool", ["mlflow", "trackio"])
def test_a_database_gives_the_rows_of_its_whole_pages(tool: str, tmp_path: Path, full: bool) -> None:
    path = tmp_path / "a.db"
    content = make_database(path, tool)
    points, _, run = read(path)
    assert run
    assert run.format == tool
    values = [float.fromhex(value) for _, value, _ in points["loss"]]
    kept = [struct.pack(">d", value) if tool == "mlflow" else json.dumps({"loss": value}).encode() for value in values]
    assert all(content.count(each) == 1 for each in kept)
    places = [content.index(each) for each in kept]
    # In short not every byte within a page: all of its first 100, those about its end, and each ninth.
    for size in range(len(content)):
        if not (full or size < 100 or size % 9 == 0 or (size + 2) % _PAGE < 4):
            continue
        path.write_bytes(content[:size])
        whole = size // _PAGE * _PAGE
        there = next((index for index, place in enumerate(places) if place >= whole), len(places))

        found, words, _ = read(path)

        assert found.get("loss", []) == points["loss"][:there], size
        assert any("cut short" in word for word in words) or size < 100, size
        assert words


def test_a_zip_whose_list_of_members_is_cut_off_is_refused_in_words(tmp_path: Path) -> None:
    """That list stands at its end: without it nothing says what is whole."""
    content = (MADE / "clearml" / "session.zip").read_bytes()
    path = tmp_path / "session.zip"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        _, words, run = read(path)
        assert run is None
        assert words[0].startswith("session.zip"), words
