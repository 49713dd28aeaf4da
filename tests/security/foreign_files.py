"""Files of other tools that nobody's tool wrote: made to be read for ever, to fill the memory, or to reach elsewhere.

`foreign_cases` gives for each what it is and the files to upload; half of them are whole files that were damaged.
"""

from __future__ import annotations

import json
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from core.imports import swanlab, wandb
from core.imports.wire import BLOCK_BYTES, make_header
from tests.core.imports.frames import event_file, frame, message
from tests.core.imports.made_files import MADE
from tests.security.hostile_files import OUTSIDE, member, zip_of

Files = dict[str, bytes]
PRECIOUS = "precious"  # beside the runs; no file of a stranger may touch it
EVIL = (
    "../../" + OUTSIDE,
    "/" + OUTSIDE,
    "a\0b",
    "\x1b[2J\u202egnp.exe",
    "x" * 100_000,
    "=cmd()",
    "<script>",
    "",
    "\ud800",
)
DAMAGED = 8  # of each whole file


def foreign_cases(folder: Path) -> Iterator[tuple[str, Files]]:
    makers: Sequence[Callable[[Path], Iterator[tuple[str, Files]]]] = (
        _databases, _logs, _events, _tables, _folders, _sessions, _zips, _damaged
    )  # fmt: skip
    for make in makers:
        yield from make(folder)


# SQLite --------------------------------------------------------------------------------------------------------------

MLFLOW = (
    "CREATE TABLE runs (run_uuid, name, status, start_time, end_time, lifecycle_stage)",
    "CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan)",
    "INSERT INTO runs VALUES ('a', 'a', 'FINISHED', 1, 2, 'active')",
)
TRACKIO = ("CREATE TABLE metrics (id, run_id, run_name, timestamp, step, metrics)",)
POINT = "INSERT INTO metrics VALUES ('loss', 0.5, 1, 'a', 1, 0)"


def database(*statements: str, values: Sequence[tuple[str, Sequence[object]]] = ()) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        for statement, row in values:
            connection.execute(statement, row)
        connection.commit()
        return connection.serialize()


def hot_journal(pages: int, named: Path) -> bytes:
    """One that SQLite plays back, and then deletes the file that it names."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(named).encode()
    head = (magic + struct.pack(">5I", 0, 1, pages, 512, 4096)).ljust(512, b"\0")
    return head + struct.pack(">I", 2**30 // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic


def _databases(folder: Path) -> Iterator[tuple[str, Files]]:
    good = database(*MLFLOW, POINT)
    journal = hot_journal(len(good) // 4096, folder / PRECIOUS)
    yield "database: a journal that names a file", {"mlflow.db": good, "mlflow.db-journal": journal}
    yield "database: a write-ahead log of noise", {"mlflow.db": good, "mlflow.db-wal": bytes(range(256)) * 40}
    endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT"
    yield (
        "database: views for tables",
        {"a.db": database(MLFLOW[0], f"CREATE VIEW metrics AS {endless} x AS key FROM n")},
    )
    columns = "key, value, timestamp, run_uuid, step, is_nan AS (length(hex(zeroblob(500000000))))"
    yield "database: a column that takes for ever", {"a.db": database(MLFLOW[0], f"CREATE TABLE metrics ({columns})")}
    yield "database: a virtual table", {"a.db": database(MLFLOW[0], "CREATE VIRTUAL TABLE metrics USING fts5(key)")}
    broken = database(*MLFLOW, POINT).replace(b"CREATE TABLE metrics", b"CREATE TABLE metr\0cs")
    yield "database: a schema that is none", {"a.db": broken}
    for number, odd in enumerate(("x" * 2_000_000, b"\xff" * 1000, None, 2**62, -1e308, "nan", "")):
        row = ("INSERT INTO metrics VALUES (?, ?, ?, 'a', ?, ?)", [odd] * 5)
        yield f"database: odd values {number}", {"a.db": database(*MLFLOW, POINT, values=[row])}
    for number, name in enumerate(EVIL):
        values = [("UPDATE runs SET name = ?, run_uuid = 'a'", [name.encode("utf-8", "replace").decode()])]
        yield f"database: a bad name {number}", {"a.db": database(*MLFLOW, POINT, values=values)}
    insert = "INSERT INTO metrics VALUES (1, ?, ?, ?, ?, ?)"
    contents = (
        "[" * 100_000,
        '{"a":' * 100_000,
        "1" * 1_000_000,
        '{"loss": 1e999}',
        b"\0\xff",
        '{"a": {"_type": 3}}',
        "{}",
    )
    for number, content in enumerate(contents):
        values = [(insert, ["a", "a", "2026-99-99", 1, content])]
        yield f"database: bad JSON {number}", {"a.db": database(*TRACKIO, values=values)}
    many = [(insert, [str(i), str(i), "", i, '{"loss": 1}']) for i in range(20_000)]
    yield "database: 20,000 runs", {"a.db": database(*TRACKIO, values=many)}


# Logs of Protocol Buffers --------------------------------------------------------------------------------------------


def _logs(folder: Path) -> Iterator[tuple[str, Files]]:
    wb, swan = make_header(wandb.HEADER), make_header(swanlab.HEADER)

    def history(*items: tuple[bytes, bytes]) -> bytes:
        return message((2, b"".join(message((1, message((2, name), (16, value)))) for name, value in items)))

    pieces = bytearray(wb + frame(b"a", 2))
    while len(pieces) < 2_000_000:
        if (room := BLOCK_BYTES - len(pieces) % BLOCK_BYTES) < 7:
            pieces += bytes(room)
        pieces += frame(b"", 3)
    yield "log: a record in 300,000 pieces", {"run-a.wandb": bytes(pieces)}
    cases = {
        "a length beyond the file": wb + struct.pack("<IHB", 0, 65_535, 1) + b"x",
        "a number without an end": wb + frame(b"\xff" * 30),
        "a message longer than its record": wb + frame(message((17, b"x"))[:-1] + b"\x12\xff\xff\xff\x7f"),
        "a kind that is not known": wb + frame(b"\x0b\x0c"),
        "nothing": wb,
        "zeros": wb + bytes(100_000),
        "middles without a first": wb + frame(b"x", 3) * 100,
        "a run of no text": wb + frame(message((17, message((1, b"\xff\xfe"), (3, b"\0"), (8, b"\x80"))))),
        "steps beyond 64 bits": wb + frame(history((b"loss", b"1"), (b"_step", b"1e300"))),
        "a step that is no number": wb + frame(history((b"loss", b"1"), (b"_step", b"NaN"))),
        "a time beyond time": wb + frame(history((b"loss", b"1"), (b"_step", b"1"), (b"_timestamp", b"1e308"))),
        "digits without end": wb + frame(history((b"loss", b"9" * 30_000), (b"_step", b"1"))),
        "nested JSON": wb + frame(message((5, message((1, message((1, b"c"), (16, b"[" * 30_000))))))),
        "names of names": wb + frame(history((b"." * 30_000, b"1"), (b"_step", b"1"))),
        "summaries in summaries": wb + frame(message((3, message((1, message((1, b"s"), (16, b'{"a":' * 6000))))))),
    }
    for what, content in cases.items():
        yield f"log: {what}", {"run-a.wandb": content}
        yield f"log: {what}, as SwanLab's", {"run-a.swanlab": content.replace(wb, swan, 1)}
    for number, name in enumerate(EVIL):
        text = name.encode("utf-8", "surrogatepass")[:3000]
        run = frame(message((17, message((1, text), (3, text), (8, text), (9, text), (10, text)))))
        yield f"log: a bad name {number}", {"run-a.wandb": wb + run + frame(history((text, b"1"), (b"_step", b"1")))}


# TensorBoard ---------------------------------------------------------------------------------------------------------


def _events(folder: Path) -> Iterator[tuple[str, Files]]:
    first = Event(wall_time=1.0, file_version="brain.Event:2")

    def made(*events: Event) -> Files:
        return {"events": event_file([first.SerializeToString(), *(each.SerializeToString() for each in events)])}

    def scalar(tag: str, value: float = 1.0, **more: float) -> Event:
        event = Event(summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))
        for name, number in more.items():
            setattr(event, name, number)
        return event

    for number, name in enumerate(EVIL[:-1]):
        yield f"events: a bad name {number}", made(scalar(name, step=1), scalar(name, step=2))
    for what, time in (
        ("NaN", float("nan")),
        ("infinity", float("inf")),
        ("a large number", 1e300),
        ("negative", -1e300),
    ):
        yield (
            f"events: times of {what}",
            made(scalar("loss", wall_time=time, step=1), scalar("loss", wall_time=time, step=2)),
        )
    yield "events: the last step of all", made(scalar("loss", step=2**63 - 1), scalar("loss", step=-(2**63)))
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=2**60)] * 4)
    tensor = TensorProto(dtype=1, tensor_shape=shape, tensor_content=b"abcd")
    yield (
        "events: a tensor of 10^72 numbers",
        made(Event(summary=Summary(value=[Summary.Value(tag="t", tensor=tensor)]))),
    )
    for kind in (0, 7, 99):
        odd = Summary.Value(tag="t", tensor=TensorProto(dtype=kind, tensor_content=b"abc"))
        yield f"events: a tensor of type {kind}", made(Event(summary=Summary(value=[odd])))
    yield "events: noise for events", {"events": event_file([first.SerializeToString(), b"\xff" * 5000])}
    whole = made(scalar("loss", step=1))["events"]
    yield "events: a record of 2^62 bytes", {"events": whole + event_file([])[:0] + struct.pack("<QI", 2**62, 0)}
    yield "events: empty records", {"events": whole + event_file([b""] * 100_000)}
    many = [Summary.Value(tag=f"t{number}", simple_value=1.0) for number in range(3000)]
    yield "events: 30,000 series", made(*(Event(summary=Summary(value=many), step=step) for step in range(10)))


# Tables --------------------------------------------------------------------------------------------------------------


def _tables(folder: Path) -> Iterator[tuple[str, Files]]:
    cases: dict[str, bytes] = {
        "a quote that never ends": b'step,loss\n1,"' + b"x,\n" * 400_000,
        "a line of two million characters": b"step,loss\n" + b"1," * 1_000_000,
        "2,001 columns": ",".join(f"c{number}" for number in range(2001)).encode() + b"\n" + b"1," * 2000 + b"1\n",
        "a million runs": b"run,step,loss\n" + b"".join(b"r%d,1,1\n" % number for number in range(100_000)),
        "text in every cell": b"run,step," + b",".join(b"c%d" % n for n in range(200)) + b"\n"
        + b"".join(b"r%d,1" % number + b",x" * 200 + b"\n" for number in range(1500)),
        "NULs": b"step,loss\n1,\0\n",
        "UTF-16 without its end": "step,loss\n1,2\n".encode("utf-16")[:-1],
        "UTF-16 of halves": b"\xff\xfe" + b"\x00\xd8" * 1000,
        "Latin-1": "step,Übung\n1,2\n2,3\n".encode("latin-1"),
        "old Mac lines": b"step,loss\r1,2\r2,3\r",
        "digits without end": b"step,loss\n" + b"9" * 5000 + b"," + b"9" * 100_000 + b"\n",
        "odd numbers": b"step,loss\n0x10,1\n1_000,2\n1e400,3\n-0,4\n+1,infinity\n2,nan\n",
        "times beyond time": b"step,time,loss\n1,1e17,1\n2,9999-12-31T23:59:59-23:59,2\n3,0001-01-01,3\n",
        "no numbers": b"step,loss\nx,y\n",
        "nothing but commas": b"," * 5000 + b"\n" * 5000,
        "one line": b"step,loss",
        "a name twice": b"step,loss,loss\n1,2,3\n",
    }  # fmt: skip
    for what, content in cases.items():
        yield f"table: {what}", {"table.csv": content}
    for number, name in enumerate(EVIL):
        text = name.replace("\0", "").encode("utf-8", "replace")
        yield (
            f"table: a bad name {number}",
            {"table.csv": b"run,step," + text + b"\n" + text + b",1,2\n" + text + b",2,3\n"},
        )
        yield f"table: a bad file name {number}", {name or ".": b"step,loss\n1,2\n2,1\n"}


# Folders -------------------------------------------------------------------------------------------------------------


def _folders(folder: Path) -> Iterator[tuple[str, Files]]:
    points = b"step\tloss\n0\t1\n1\t0.5\n"
    texts = {
        "refers to itself": b"a: &a [1, *a]",
        "unfolds to gigabytes": b"\n".join(
            [b"a0: &a0 [x, x]", *(b"a%d: &a%d [*a%d, *a%d]" % (n, n, n - 1, n - 1) for n in range(1, 40))]
        ),
        "names code": f"a: !!python/object/apply:os.system ['touch {folder / OUTSIDE}']".encode(),
        "is nested": b"[" * 30_000,
        "is 64 KB of keys": b"".join(b"k%d: 1\n" % number for number in range(6000)),
        "is larger": b"a: 1\n" * 100_000,
        "has keys of all types": b"1: a\n2026-01-01: b\nnull: c\ntrue: d\n? [x]\n: e\n",
        "is binary": bytes(range(256)),
        "has large numbers": b"a: 0x" + b"f" * 50_000,
    }
    for what, text in texts.items():
        yield f"folder: YAML that {what}", {"dvclive/params.yaml": text, "dvclive/plots/metrics/loss.tsv": points}
    tables = {
        "without a step": b"loss\n1\n", "without rows": b"step\tloss\n",
        "of long lines": b"step\tloss\n" + b"1" * 50_000,
        "of odd steps": b"step\tloss\n1e5\t1\n-1\t2\n" + b"9" * 5000 + b"\t3\n", "of noise": bytes(range(256)),
    }  # fmt: skip
    for what, text in tables.items():
        yield f"folder: a table {what}", {"dvclive/plots/metrics/loss.tsv": text}
    for number, name in enumerate(EVIL[:-1]):
        meta = (
            f"run_id: {name}\nrun_name: {name}\nstatus: 3\nartifact_uri: file:///etc/passwd\nstart_time: {'9' * 18}\n"
        )
        files = {"meta.yaml": meta.encode(), "metrics/loss": b"1 0.5 1\n", f"params/{number}": name.encode()}
        yield f"folder: a bad run of MLflow {number}", {f"mlruns/0/a/{key}": value for key, value in files.items()}
    lines = (b"1 2", b"1 2 3 4", b"9" * 900 + b" 1 1", b"x y z", b"1 1e999 " + b"9" * 900, b"1 nan 1")
    whole = {"mlruns/0/a/meta.yaml": b"run_id: a\n"}
    yield "folder: lines that are no points", {**whole, "mlruns/0/a/metrics/loss": b"\n".join(lines)}


def _sessions(folder: Path) -> Iterator[tuple[str, Files]]:
    task = {"id": "a", "name": "a", "offline_folder": str(folder / OUTSIDE)}
    report = {
        "type": "training_stats_scalar",
        "metric": "loss",
        "variant": "loss",
        "value": 1,
        "iter": 1,
        "timestamp": 1,
    }
    odd = (
        {"value": 10**400},
        {"iter": 10**30},
        {"value": True},
        {"metric": None},
        {"variant": ["x"] * 1000},
        {"type": 3},
    )
    odd += ({"timestamp": 10**40}, {"metric": "x" * 100_000}, {"iter": -(2**31)}, {"value": "NaN"})
    lines = {str(number): json.dumps([{**report, **change}]).encode() for number, change in enumerate(odd)}
    lines |= {
        "nested": b"[" * 100_000, "spaces": b"[" + b" " * 2_000_000, "cut": json.dumps([report] * 50).encode()[:-20],
        "no list": b'{"a": 1}\n3\nnull\n', "noise": bytes(range(256)),
    }  # fmt: skip
    for what, line in lines.items():
        yield f"session: reports {what}", {"task.json": json.dumps(task).encode(), "metrics.jsonl": line}
    for what, change in {"text": "x", "list": [1], "deep": {"a": {"b": {"value": {"c": 1}}}}, "none": None}.items():
        content = json.dumps({**task, "hyperparams": change, "tags": change, "name": change}).encode()
        yield f"session: parameters of {what}", {"task.json": content, "metrics.jsonl": json.dumps([report]).encode()}


def _zips(folder: Path) -> Iterator[tuple[str, Files]]:
    table = b"step,loss\n1,2\n2,1\n"
    for name in (f"../../{OUTSIDE}", f"/{OUTSIDE}", f"..\\{OUTSIDE}", f"C:/{OUTSIDE}", f"a/../../{OUTSIDE}", "a\0b"):
        yield f"zip: a member {name!r}", {"a.zip": zip_of((member(name), table))}
    yield "zip: a link", {"a.zip": zip_of((member("a.csv", 0o120777), str(folder / PRECIOUS).encode()))}
    yield "zip: a pipe", {"a.zip": zip_of((member("a.csv", 0o010666), b""))}
    yield "zip: a table a thousand times its size", {"a.zip": zip_of((member("a.csv"), bytes(80_000_000)))}
    inner = zip_of((member("a.csv"), table))
    for _ in range(6):
        inner = zip_of((member("a.zip"), inner), compress=zipfile.ZIP_STORED)
    yield "zip: seven deep", {"a.zip": inner}
    databases = ((member(f"{number}/run_metadata.sqlite"), b"SQLite format 3\0") for number in range(2000))
    yield "zip: 2,000 repositories of Aim", {"a.zip": zip_of(*databases)}
    copies = ((member(f"{number}/a.csv"), table) for number in range(1000))
    yield "zip: 1,000 tables", {"a.zip": zip_of(*copies)}


def _damaged(folder: Path) -> Iterator[tuple[str, Files]]:
    """Whole files of every tool, cut or changed somewhere."""
    chance = random.Random(18)
    for tool in ("tensorboard", "wandb", "mlflow", "trackio", "dvclive", "swanlab", "clearml", "csv"):
        files = {
            path.relative_to(MADE).as_posix(): path.read_bytes()
            for path in sorted((MADE / tool).rglob("*"))
            if path.is_file()
        }
        for number in range(DAMAGED):
            changed = {name: _damage(content, chance) for name, content in files.items()}
            yield f"damaged: {tool} {number}", changed


def _damage(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    if changed and chance.random() < 0.5:
        del changed[chance.randrange(len(changed)) :]
    for _ in range(chance.choice((1, 5, 200))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)
