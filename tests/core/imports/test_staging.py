"""Uploads are laid out as a reader takes them, and no name leads out of their folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.imports.read import read_path
from core.imports.staging import staged
from core.imports.values import ImportFilesError

pytestmark = pytest.mark.usefixtures("runs")


def zip_of(**members: bytes) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, held in members.items():
            archive.writestr(name, held)
    return content


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_is_itself_and_a_zip_its_folder() -> None:
    with staged([("a.csv", io.BytesIO(b"1"))]) as path:
        assert (path.name, path.read_bytes()) == ("a.csv", b"1")
    with staged([("logs.zip", zip_of(**{"run/a.csv": b"1", "b.csv": b"2"}))]) as path:
        assert (path.name, list_files(path)) == ("logs", ["b.csv", "run/a.csv"])


def test_a_folder_that_its_zip_is_called_after_is_named_once() -> None:
    with staged([("logs.zip", zip_of(**{"logs/run/a.csv": b"1", "logs/b.csv": b"2"}))]) as path:
        assert list_files(path) == ["b.csv", "run/a.csv"]
    with staged([("logs.zip", zip_of(**{"logs/a.csv": b"1", "logs.csv": b"2"}))]) as path:
        assert list_files(path) == ["logs.csv", "logs/a.csv"]


def test_several_files_lie_beside_each_other_also_of_one_name_and_are_gone_at_the_end() -> None:
    with staged([("a.csv", io.BytesIO(b"1")), ("a.csv", io.BytesIO(b"2")), ("z.zip", zip_of(c=b"3"))]) as path:
        assert list_files(path) == [".again-2/a.csv", "a.csv", "z/c"]
    assert not path.exists()


def test_a_file_that_was_chosen_twice_lies_there_once() -> None:
    with staged([("a.csv", io.BytesIO(b"1")), ("a.csv", io.BytesIO(b"1")), ("b.csv", io.BytesIO(b"1"))]) as path:
        assert list_files(path) == ["a.csv", "b.csv"]


def test_tables_of_one_name_are_the_same_runs_whichever_is_sent_first() -> None:
    def read_keys(contents: Sequence[bytes]) -> dict[str, str]:
        with staged([("metrics.csv", io.BytesIO(content)) for content in contents]) as path:
            runs = read_path(path).runs
        assert {run.name for run in runs} == {"metrics"}
        return {str(run.series["loss"].values): run.key for run in runs}

    one, two = b"step,loss\n0,0.5\n", b"step,loss\n0,0.25\n"
    assert read_keys([one, two]) == read_keys([two, one]) == read_keys([one]) | read_keys([two])


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..\\evil", "a/../../evil", "\x00", "", "...", "C:evil"])
def test_no_name_of_an_upload_leads_out(name: str, runs: Path) -> None:
    with staged([(name, io.BytesIO(b"1")), ("b", io.BytesIO(b"2"))]) as path:
        assert len(list_files(path)) == 2
        assert path.is_relative_to(runs)


@pytest.mark.parametrize(
    ("member", "sentence"),
    [("../evil", "names a path outside"), ("/evil", "names a path outside"), ("a\\b", "names a path outside")],
)
def test_no_name_in_a_zip_leads_out(member: str, sentence: str) -> None:
    with pytest.raises(ImportFilesError, match=sentence), staged([("x.zip", zip_of(**{member: b"1"}))]):
        pass


def test_a_bomb_and_half_a_zip_are_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100_000_000))
    with pytest.raises(ImportFilesError, match="would unpack to"), staged([("x.zip", bomb)]):
        pass
    half = io.BytesIO(bomb.getvalue()[:1000])
    with pytest.raises(ImportFilesError, match="only part of one"), staged([("x.zip", half)]):
        pass
