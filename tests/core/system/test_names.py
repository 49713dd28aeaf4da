"""Names that no UTF-8 spells, or that spell one word twice, are shown, stored and compared as people mean them."""

import json
import os
from pathlib import Path

import pytest

from core.runs.ends import log
from core.system.errors import LabError
from core.system.files import is_storable, read_json, write_json
from core.system.names import canonical, readable

LATIN = os.fsdecode(b"caf\xe9")  # as old archives and network drives bring it


def test_a_name_that_is_no_utf8_is_shown_with_its_bytes_by_number() -> None:
    assert readable(LATIN) == r"caf\xe9"
    assert readable("Größe 😀.png") == "Größe 😀.png"
    assert is_storable(readable("\ud800 half"))


def test_one_word_in_two_unicode_forms_is_one_name() -> None:
    assert canonical("cafe\u0301") == canonical("caf\u00e9") == "café"
    assert canonical(LATIN) == r"caf\xe9"


def test_errors_records_and_logs_take_such_names(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert str(LabError(f"The image {LATIN} is damaged.")) == r"The image caf\xe9 is damaged."
    write_json(tmp_path / "x.json", {"classes": [LATIN], LATIN: 1})
    assert read_json(tmp_path / "x.json") == {"classes": [r"caf\xe9"], r"caf\xe9": 1}
    json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    log(f"Left out: {LATIN}")
    assert r"Left out: caf\xe9" in capfd.readouterr().out
