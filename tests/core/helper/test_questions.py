"""Questions and answers cross to another process and back, without torch on this side."""

import pickle
import subprocess
import sys

import pytest

from core.helper.questions import Picture, QuestionError, WeightsFile


@pytest.mark.parametrize(
    "value", [Picture("test", 7), Picture(content=b"png"), WeightsFile("{}", "a.safetensors", "0" * 64, "best")]
)
def test_a_question_arrives_as_it_was_asked(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_an_error_keeps_its_sentence() -> None:
    with pytest.raises(QuestionError, match="no longer those of this run"):
        raise pickle.loads(pickle.dumps(QuestionError("The images are no longer those of this run.")))


def test_to_ask_needs_no_torch() -> None:
    code = "import core.helper.questions, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
