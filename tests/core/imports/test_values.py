from __future__ import annotations

from core.imports.values import Found, ImportFilesError, count_points
from tests.core.imports.foreign_runs import make_foreign


def test_a_message_about_a_file_whose_name_is_no_utf8_can_be_shown() -> None:
    assert str(ImportFilesError("caf\udce9.csv is no table.")) == r"caf\xe9.csv is no table."


def test_points_are_those_of_all_series() -> None:
    assert count_points(make_foreign()) == 9


def test_nothing_found_is_nothing_left_out() -> None:
    assert (Found(()).left_out, Found(()).columns, Found(()).details) == ({}, (), {})
