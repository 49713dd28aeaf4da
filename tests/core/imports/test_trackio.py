from __future__ import annotations

from datetime import datetime

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points, read_expected


def test_every_value_step_and_time_equals_what_trackio_reads() -> None:
    runs = {run.key: run for run in read_path(MADE / "trackio" / "shapes.db").runs}

    assert set(runs) == set(read_expected("trackio"))
    for key, told in read_expected("trackio").items():
        expected: dict[str, list[list]] = {}
        for row in told["logs"]:
            time = datetime.fromisoformat(row["timestamp"]).timestamp().hex()
            flat = {**row, **{f"deep.{name}": value for name, value in row.get("deep", {}).items()}}
            for name, value in flat.items():
                if name not in ("step", "timestamp", "deep", "word"):
                    expected.setdefault(name, []).append([row["step"], float(value).hex(), time])
        assert all_points(runs[key]) == expected
        assert runs[key].name == told["name"]


def test_the_configuration_is_kept_without_what_is_trackios_own() -> None:
    first, second = read_path(MADE / "trackio").runs

    assert first.configuration == {"lr": 0.1, "model.depth": 18}
    assert second.configuration == {"lr": 0.2}
    assert first.left_out == {"values that are no number": 8}
