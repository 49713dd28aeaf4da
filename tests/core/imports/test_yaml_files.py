from __future__ import annotations

from pathlib import Path

import pytest

from core.imports.yaml_files import MAX_BYTES, read_yaml


def read(tmp_path: Path, text: str) -> object:
    (tmp_path / "params.yaml").write_text(text)
    return read_yaml(tmp_path / "params.yaml")


def test_plain_values_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "lr: 0.1\nmodel:\n  widths: [64, 128]\n") == {"lr": 0.1, "model": {"widths": [64, 128]}}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.getcwd []",
        "a: &a [*a]",
        "a: &a [x]\nb: [*a, *a]",
        "[" * 1000,
        "a: [1",
        "# " + "x" * MAX_BYTES,
        "when: 2026-99-99",
    ],
)
def test_what_is_no_plain_yaml_is_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) is None
