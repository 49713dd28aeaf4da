"""Lightning's `hparams.yaml`, which its loggers write beside event files and tables: what a run was told to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from core.imports.draft import Budget, Draft, count_left_out
from core.imports.values import ForeignRun, Scalar
from core.imports.yaml_files import read_yaml


def add_hparams(runs: Iterable[ForeignRun], path: Path, budget: Budget) -> list[ForeignRun]:
    """The runs with the configuration in the file.

    Event files tell it too, but with "/" between nested keys, and whole numbers as floats: of a key that both have, the
    file's value counts.
    """
    values, remarks = read_yaml(path)
    draft = Draft("csv", "", "", budget)
    draft.configure(values)
    return [
        replace(
            run,
            configuration=draft.configuration | _list_others(run.configuration, draft.configuration),
            left_out=count_left_out([run.left_out, draft.left_out]),
            remarks=(*run.remarks, *remarks),
        )
        for run in runs
    ]


def _list_others(told: Mapping[str, Scalar], known: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {key: value for key, value in told.items() if key.replace("/", ".") not in known}
