"""What commands write: strict JSON, tables of plain text, and a question only where somebody can answer."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.cli.output import BAD_INPUT, CommandError, confirm, print_facts, print_json, print_table, say


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
