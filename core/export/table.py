"""The metrics of runs as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.export.formats import FORMATS, ExportError, Order
from core.runs.folder import Run
from core.runs.store import open_run
from core.runs.tables import write_metrics
from core.text.words import count_of, join_words

_WHOLE = [FORMATS[key].title for key in ("tensorboard", "mlflow", "wandb")]
_OTHERS = join_words(_WHOLE, "or")


def write_table(order: Order, path: Path) -> str:
    runs = open_with_epochs(order.ids)
    path.write_text(write_metrics(runs), encoding="utf-8", newline="")
    missing = len(order.ids) - len(runs)
    notes = [f"{count_of(missing, 'run')} without such rows left out."] if missing else []
    if any(run.is_foreign for run in runs):
        notes.append(
            "Of what another tool logged it has loss and accuracy alone, in the rows that charts show; "
            f"{join_words(_WHOLE)} hold every point."
        )
    return " ".join(notes)


def open_with_epochs(ids: Sequence[str]) -> list[Run]:
    """The runs that have curves. Raises ExportError if none has, RunNotFoundError."""
    opened = [open_run(run_id) for run_id in ids]
    runs = [run for run in opened if run.rows()]
    if not runs and any(run.is_foreign and run.series().series for run in opened):
        raise ExportError(f"No series is known as loss or accuracy on training or validation: take {_OTHERS}.")
    if not runs:
        raise ExportError("No epoch has ended yet, so there are no curves to take away.")
    return runs
