"""What commands write: strict JSON, tables of plain text, and a question only where somebody can answer."""

import io
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text

from core.cli.output import BAD_INPUT, CommandError, confirm, prepare_streams, print_facts, print_json, print_table, say


@dataclass
class Entry:
    path: Path
    values: tuple[float, ...]


def test_json_is_strict_whatever_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({1: [Entry(Path("/a"), (math.nan, math.inf, 0.5))], "count": np.int64(3)})
    assert json.loads(capsys.readouterr().out) == {"1": [{"path": "/a", "values": [None, None, 0.5]}], "count": 3}
    with pytest.raises(TypeError):
        print_json(object())


def test_a_piped_table_has_one_line_per_row_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "count"), [("[red]x\x1b[2J", 12), ("y" * 300, 3)], right=("count",))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "[red]x" in lines[2]
    assert "\x1b" not in lines[2]
    assert lines[2].rstrip().endswith(" 12")
    assert "y" * 300 in lines[3]


@pytest.mark.parametrize(
    ("encoding", "printed"), [("utf-8", b"caf\xe9 \xe2\x80\x93\n"), ("latin-1", b"caf? ?\n"), ("ascii", b"caf? ?\n")]
)
def test_any_text_can_be_printed_in_any_encoding(
    encoding: str, printed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(kept, encoding, newline="\n"))
    prepare_streams()
    print("caf\udce9 –", flush=True)  # a name as Linux gives it whose bytes are no UTF-8
    assert kept.getvalue() == printed


def test_a_closed_standard_stream_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    prepare_streams()
    print_table(("name",), [("x",)])
    say("done")
    assert sys.stdin.read() == ""
    with pytest.raises(CommandError, match="add --yes"):
        confirm("Sure?", yes=False)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the standard output a terminal of so many columns."""

    def become(width: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))

    return become


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_what_one_types_in_again_is_whole_however_narrow_the_terminal(
    width: int, terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(width)
    run_id, path = "20260101-000000-000-abcdef", "/a/folder/" + "x" * 90
    rows = [(run_id, "interrupted", "a name of some words " * 4, "84.10 %", "tag, tag")]
    print_table(("id", "state", "name", "test", "tags"), rows, right=("test",), whole=("id", "state"), spare=("tags",))
    print_facts([("id", run_id), ("note", "two\nlines"), ("validation accuracy", path)])
    lines = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert any(line.startswith(f"{run_id}   interrupted") for line in lines)
    assert any(line.endswith(path) for line in lines)
    assert [line.split()[-1] for line in lines if line.split()[-1:] in (["two"], ["lines"])] == ["two", "lines"]


def test_columns_that_do_not_fit_are_left_out_and_told(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(30)
    print_table(
        ("id", "state", "time", "tags"), [("x" * 26, "done", "8 s", "a")], whole=("id",), spare=("tags", "time")
    )
    shown = capsys.readouterr()
    assert Text.from_ansi(shown.out).plain.splitlines()[0].split() == ["id", "state"]
    assert "too narrow: tags, time." in shown.err


def test_a_name_with_a_line_feed_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name"), [("1", "two\nlines"), ("2", "b")])
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_empty_facts_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("name", "a"), ("note", ""), ("best", None), ("count", 0)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["name", "a"], ["count", "0"]]


def test_what_is_said_goes_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\x1b\ntwo")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1] == "two"
    assert "\x1b" not in said.err


def test_without_a_terminal_only_yes_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    confirm("Delete it?", True)
    with pytest.raises(CommandError, match="add --yes") as refused:
        confirm("Delete it?", False)
    assert refused.value.exit_code == BAD_INPUT
