"""A spec comes from a file, standard input or a preset, or is refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "the spec is not JSON: "),
        (b"", "the spec is empty"),
        (b"\xff\xfe\x00", "the spec is not JSON: "),
        (b"[" * 50_000, "the spec is not JSON: it is nested too deeply"),
        (b"x" * 1_000_000, "a spec has at most 64,000 bytes"),
        (b'{"train": {"epochs": 1, "epochs": 2}}', "epochs = 2: is written twice in one object"),
        (b'{"train": {"epochs": 1e999}}', "train.epochs = Infinity: must be a whole number"),
        (b'{"train": {"\\u001b[31m": 1}}', 'train."\\u001b[31m": is no field of a spec'),
    ],
)
def test_a_broken_spec_file_is_told_in_one_sentence(
    core: Callable[..., Result], tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    for command in ("cost", "train", "spec"):
        result = core(command, str(file))
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert "\x1b" not in result.stderr
