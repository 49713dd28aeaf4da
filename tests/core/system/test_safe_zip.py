"""A checkpoint's file is looked at before torch sees it; what is no plain checkpoint is refused by name."""

import io
import zipfile

import pytest

from core.system import safe_zip
from core.system.safe_zip import BoundedFile, CheckpointFileError, read_pickle


def pack(*names: str, compress: int = zipfile.ZIP_STORED, content: bytes = b"state") -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as archive:
        for name in names:
            archive.writestr(name, content)
    return file


def test_the_one_pickle_is_read() -> None:
    assert read_pickle(pack("archive/data.pkl", "archive/data/0")) == b"state"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (pack("archive/data.pkl", compress=zipfile.ZIP_DEFLATED), "is packed in a way that no checkpoint is"),
        (pack("archive/a.pkl", "archive/b.pkl"), "holds no training state"),
        (pack("data.pkl"), "holds no training state"),
        (pack("archive/code.py"), "holds no training state"),
        (io.BytesIO(b"no zip"), "holds no training state"),
        (io.BytesIO(), "holds no training state"),
    ],
)
def test_anything_else_is_refused(file: io.BytesIO, sentence: str) -> None:
    with pytest.raises(CheckpointFileError, match=f"^{sentence}$"):
        read_pickle(file)


def test_a_pickle_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_zip, "MAX_PICKLE_BYTES", 4)
    with pytest.raises(CheckpointFileError, match="holds no training state"):
        read_pickle(pack("archive/data.pkl"))


def test_a_file_is_read_up_to_its_limit_only() -> None:
    assert BoundedFile(io.BytesIO(b"12345"), 5, ValueError).read() == b"12345"
    with pytest.raises(ValueError, match="list of members is too long"):
        BoundedFile(io.BytesIO(b"123456"), 5, ValueError).read()
