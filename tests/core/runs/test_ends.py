"""How a run ends: with a sentence that tells why, even on a disk that is full."""

import errno
from pathlib import Path

import pytest

from core.runs.ends import RESERVE_BYTES, describe_failure, end_run, is_disk_full, reserve_space
from core.runs.folder import Run
from core.runs.records import ENDS, End
from core.system import files


def test_an_end_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert (run.end(), run.results()) == (None, {})
    assert end_run(tmp_path, "failed", "There are no images.", "data", {"last/epoch": 2.0}, epoch=2) == 1
    end = run.end()
    assert end is not None
    assert end.keys() <= End.__annotations__.keys()
    assert end["state"] in ENDS
    assert (end["reason"], end["kind"], end["epoch"]) == ("There are no images.", "data", 2)
    assert run.results() == {"last/epoch": 2.0}


def test_the_reserve_is_given_up_before_the_end_is_written_which_is_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve_space(tmp_path)
    assert (tmp_path / ".reserve").stat().st_size == RESERVE_BYTES
    write, tried = files.write_json, []

    def fail_once(*arguments: object) -> None:
        tried.append((tmp_path / ".reserve").exists())
        if len(tried) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "write_json", fail_once)
    assert end_run(tmp_path, "stopped", "Stopped on request.") == 0
    assert tried == [False, False]
    assert Run(tmp_path).end()["state"] == "stopped"  # type: ignore[index]


def test_a_full_disk_is_found_however_often_its_error_was_wrapped() -> None:
    outer, inner = ValueError("outer"), RuntimeError("inner")
    outer.__cause__, inner.__context__ = inner, OSError(errno.ENOSPC, "No space left on device")
    assert is_disk_full(outer)
    assert describe_failure(outer)[1] == "disk_full"
    assert not is_disk_full(OSError(errno.EIO, "Input/output error"))


@pytest.mark.parametrize(
    ("error", "sentence", "kind"),
    [
        (MemoryError(), "The machine's memory ran out.", "out_of_memory"),
        (OSError(errno.EIO, "Input/output error", "/a/secret/x.npy"), "input/output error (x.npy).", "io"),
        (ZeroDivisionError("division by zero"), "Unexpected: ZeroDivisionError: division by zero", "error"),
    ],
)
def test_what_was_not_foreseen_is_a_sentence_and_its_traceback_is_in_the_log(
    capsys: pytest.CaptureFixture[str], error: Exception, sentence: str, kind: str
) -> None:
    told, found = describe_failure(error)
    assert sentence in told
    assert found == kind
    assert "secret" not in told
    assert type(error).__name__ in capsys.readouterr().out
