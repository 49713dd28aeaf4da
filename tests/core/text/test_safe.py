"""Text from outside that is made safe to show."""

from __future__ import annotations

import csv
import io

import pytest

from core.text.safe import JOINERS, name_file, name_stem, plain, plain_cell, write_line


@pytest.mark.parametrize("begin", "=+-@\t\r\n")
def test_what_a_spreadsheet_would_run_is_text(begin: str) -> None:
    assert plain_cell(f"{begin}1+1") == f"'{begin}1+1"
    assert plain_cell(f"a{begin}1") == f"a{begin}1"


@pytest.mark.parametrize("number", ["-1", "+1", "-0.5", "-.5e-3", "-2."])
def test_a_number_is_no_formula(number: str) -> None:
    assert plain_cell(number) == number
    assert plain_cell(f"{number}.png") == f"'{number}.png"


def test_a_line_of_a_table_is_read_as_one_whatever_is_in_it() -> None:
    cells = ["a\rb", "c\nd", 'e "f"', "g,h", "", "i"]
    lines = write_line(cells) + write_line(["next", 1])
    assert list(csv.reader(io.StringIO(lines, newline=""))) == [cells, ["next", "1"]]
    assert write_line(["next", 1]) == "next,1\n"


@pytest.mark.parametrize("sign", "\x00\x1b\n\x7f\x9b\u061c\u200b\u200e\u2028\u202e\u2066\ufeff\ud800\U000e0041")
def test_what_steers_or_hides_shows_as_a_question_mark(sign: str) -> None:
    assert plain(f"a{sign}b{sign}") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("text", ["résumé 1,5 %", "模型", "👩\u200d🔬", "می\u200cخواهم", "no\u00a0break"])
def test_words_of_any_script_stay(text: str) -> None:
    assert plain(text, JOINERS) == text
    assert plain(text) == "".join("\N{REPLACEMENT CHARACTER}" if sign in JOINERS else sign for sign in text)


def test_lines_stay_where_they_are_wanted() -> None:
    assert plain("a\nb\x1b", keep="\n\t") == "a\nb\N{REPLACEMENT CHARACTER}"
    assert plain("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("base seed 3", "base-seed-3-abcdef"),
        ("../../etc/passwd", "etc-passwd-abcdef"),
        ("Größe: 1,5 %", "Groe-1-5-abcdef"),
        ("x" * 200, "x" * 60 + "-abcdef"),
        ("模型", "20260101-120000-000-abcdef"),
        ("20260101-120000-000-abcdef", "20260101-120000-000-abcdef"),
    ],
)
def test_a_file_is_called_by_its_run_in_letters_that_every_disk_takes(name: str, stem: str) -> None:
    assert name_file(name, "20260101-120000-000-abcdef") == stem


def test_what_has_no_such_letters_has_no_stem() -> None:
    assert (name_stem("模型"), name_stem("lr: wide/narrow")) == ("", "lr-wide-narrow")
