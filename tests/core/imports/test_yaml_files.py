from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.imports.yaml_files import MAX_BYTES, read_yaml


def read(tmp_path: Path, text: str) -> tuple[dict[Any, Any], list[str]]:
    (tmp_path / "params.yaml").write_text(text)
    return read_yaml(tmp_path / "params.yaml")


def test_plain_values_are_read(tmp_path: Path) -> None:
    expected = {"lr": 0.1, "model": {"widths": [64, 128]}}
    assert read(tmp_path, "lr: 0.1\nmodel:\n  widths: [64, 128]\n") == (expected, [])


def test_values_of_pythons_own_types_are_their_text_and_nothing_is_made(tmp_path: Path) -> None:
    text = """\
betas: !!python/tuple
- 0.9
- 0.999
folder: !!python/object/apply:pathlib.PosixPath
- data
- birds
device: !!python/object/apply:torch.device [cuda, 0]
layer: !!python/name:torch.nn.modules.activation.ReLU ''
space: !!python/object:argparse.Namespace
  lr: 0.1
here: !!python/object/apply:os.getcwd []
"""
    assert read(tmp_path, text) == (
        {
            "betas": [0.9, 0.999],
            "folder": 'pathlib.PosixPath ["data", "birds"]',
            "device": 'torch.device ["cuda", 0]',
            "layer": "torch.nn.modules.activation.ReLU",
            "space": 'argparse.Namespace {"lr": 0.1}',
            "here": "os.getcwd",
        },
        [],
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]\n",
        "a: !!com.example [1]\n",
        "a: &a [*a]",
        "a: &a [x]\nb: [*a, *a]",
        "[" * 500,
        "a: [1",
        "# " + "x" * MAX_BYTES,
        "when: 2026-99-99",
    ],
)
def test_what_is_no_plain_yaml_is_nothing_and_told(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ({}, ["params.yaml: left out, as it is no plain YAML of at most 64.0 kB."])


def test_a_file_cut_at_any_byte_gives_its_whole_lines_or_says_what_is_lost(tmp_path: Path) -> None:
    lines = ["lr: 0.125\n", "name: sgd\n", "model:\n", "  depth: 18\n"]
    whole, _ = read(tmp_path, "".join(lines))
    ends = {sum(map(len, lines[:count])) for count in range(1, len(lines) + 1)}
    for size in range(len("".join(lines))):
        values, remarks = read(tmp_path, "".join(lines)[:size])

        assert remarks or size in ends
        for key, value in list(values.items())[:-1]:
            assert whole[key] == value
