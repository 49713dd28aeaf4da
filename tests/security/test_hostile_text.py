"""Names, notes, tags, classes and file names are text: shown as typed and taken for nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core.cli.app import app
from core.compare.figures import FIGURES
from core.compare.snapshot import look_at
from core.compare.table import write_csv
from core.compare.units import make_units
from core.examine.answers import Answer, HandIn, write_hand_in, write_table
from core.examine.predictions import check_predicted, work_out
from core.export.archive.pack import BundleError, pack_runs
from core.export.archive.unpack import import_runs
from core.runs.records import About
from core.runs.tables import write_metrics
from core.studies.manage import check_name, create_study
from core.studies.spec import STUDY_PRESETS
from core.studies.storage import StudyError
from pages.parts.examine.classes import _write_csv
from tests.examined import CLASSES, make_examined
from tests.lab_server import ROOT
from tests.pages.sample_runs import make_run
from tests.security.hostile_runs import make_hostile, make_noted, study_names
from tests.security.hostile_text import ALL, FORMULAS, HALVES

Record = Callable[[str], None]


# Spreadsheets -------------------------------------------------------------------------------------------------------


def cells_of(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def is_formula(cell: str) -> bool:
    """What a spreadsheet may run: text that begins so and is no number."""
    if not cell.startswith(tuple(char for char in "=+-@\t\r\n＝＋－＠")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


@pytest.mark.promise(
    19,
    "No name becomes a formula in a file for spreadsheets.",
    how="all texts as names of runs and classes, in every CSV that is written",
    control="the same names written by `csv` alone hold formulas",
)
def test_csv_holds_no_formula(lab_folders: Path, record_figure: Record) -> None:
    runs = [make_run(name=text, tags=(text[:60],)) for text in FORMULAS]
    units = make_units(look_at([run.id for run in runs]).runs, fold=False)
    texts = {"comparison": write_csv(units, FIGURES, "best"), "metrics": write_metrics(runs)}
    classes = [*FORMULAS, *ALL][: max(CLASSES, len(FORMULAS))][:CLASSES]
    texts["classes"] = classes_csv(classes)
    answers = [Answer(index, text, index % CLASSES, 0.9, 0, 0.1, False, "") for index, text in enumerate(FORMULAS)]
    texts["answers"], texts["hand-in"] = write_table(answers, classes), write_hand_in(answers, classes, HandIn())
    for name, text in texts.items():
        found = cells_of(text)
        assert [cell for cell in found if is_formula(cell)] == [], name
        assert any("1+1" in cell for cell in found), name
    plain = io.StringIO()
    csv.writer(plain).writerow(FORMULAS)
    assert sum(map(is_formula, cells_of(plain.getvalue()))) >= 8
    record_figure(f"{len(FORMULAS)} formulas as names, 0 in {len(texts)} files")


def classes_csv(classes: list[str]) -> str:
    figures = work_out(check_predicted(np.eye(len(classes), dtype=np.float16), np.arange(len(classes)), len(classes)))
    return _write_csv(pd.DataFrame({"class": classes}), figures, classes)


# The terminal -------------------------------------------------------------------------------------------------------


def steers(text: str) -> list[str]:
    """Characters that a terminal obeys, or that turn what is read around; but for lines, and colours of our own."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [char for char in plain if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\r\t"]


COMMANDS = (["runs"], ["runs", "--json"], ["show", "ID"], ["show", "ID", "--log", "20"], ["studies"])


@pytest.mark.promise(
    19,
    "No name steers the terminal of whoever lists it.",
    how="all texts as names, tags, notes, logs and classes in the output of every command that shows them",
    control="the same texts printed as they are hold what steers",
)
def test_no_text_steers_the_terminal(lab_folders: Path, full: bool, record_figure: Record) -> None:
    ids = []
    for index, text in enumerate(ALL):
        run = make_hostile(text, list(ALL[:CLASSES])) if index % 10 == 0 else make_noted(text)
        (run.path / "log.txt").write_text(text)
        ids.append(run.id)
    for text in study_names()[:: 1 if full else 8]:
        create_study(text, STUDY_PRESETS["first-look"])
    outputs = [CliRunner().invoke(app, words).output for words in (["runs"], ["runs", "--json"], ["studies"])]
    shown = ids if full else ids[::5]
    outputs += [CliRunner().invoke(app, ["show", run_id, "--log", "20"]).output for run_id in shown]
    outputs += [CliRunner().invoke(app, ["compare", *shown[:12], *more]).output for more in ([], ["--json"])]
    for output in outputs:
        assert "Traceback" not in output
        assert steers(output) == [], ascii(output[:300])
        assert "\x1b" not in output
    assert "[red]rich[/red]" in outputs[0]
    on_terminal = run_in_terminal("runs") + run_in_terminal("show", ids[ALL.index("\x1b]0;title\x07")])
    assert "\x1b[" in on_terminal  # colours of our own
    assert steers(on_terminal) == [], ascii(on_terminal[:500])
    assert steers("".join(ALL))
    record_figure(f"{len(ALL)} texts in {len(outputs) + 2} outputs, 0 control or direction characters")


def run_in_terminal(*words: str) -> str:
    """The command's output as a terminal gets it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "core", *words], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65_536):
            pieces.append(piece)
    except OSError:  # Linux: the other side is closed
        pass
    assert process.wait(60) == 0
    os.close(ours)
    return b"".join(pieces).decode()


# Half characters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HALVES, ids=ascii)
def test_half_a_character_is_refused_in_words(lab_folders: Path, text: str) -> None:
    run = make_run()
    for changes in ({"name": text}, {"note": text}, {"tags": (text,)}):
        with pytest.raises(ValueError, match="half a character"):
            run.update_about(**changes)
    result = CliRunner().invoke(app, ["edit", run.id, "--name", text])
    assert result.exit_code == 2
    assert "half a character" in result.output
    with pytest.raises(StudyError, match="control characters"):
        check_name(text)


@pytest.mark.parametrize("name", ["about.json", "environment.json", "end.json"])
def test_half_a_character_is_not_imported(lab_folders: Path, name: str) -> None:
    """Such a name in one run would make the list of all runs fail."""
    run = make_examined()
    content = json.loads((run.path / name).read_text())
    key = {"about.json": "name", "environment.json": "device", "end.json": "reason"}[name]
    with (lab_folders / "runs.zip").open("wb") as file:
        pack_runs([run.id], file)
    (run.path / name).write_text(json.dumps({**content, key: "\ud800"}))
    with (lab_folders / "bad.zip").open("wb") as file:
        try:
            pack_runs([run.id], file)
        except (BundleError, UnicodeEncodeError):
            return  # it does not even leave
    with pytest.raises(BundleError, match="half a character"):
        import_runs(lab_folders / "bad.zip")


def test_about_is_read_back_as_it_was_written(lab_folders: Path) -> None:
    for text in ALL:
        run = make_noted(text)
        assert (run.about.name, run.about.note) == (text.strip(), text)
        assert About(name=text).name == text
