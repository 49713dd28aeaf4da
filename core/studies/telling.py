"""The end of a study, told once: by the last of its workers on this machine to leave.

Each machine tells whoever is named there. Nobody is left to tell where the last worker was killed.
"""

from __future__ import annotations

from urllib.parse import quote

from core.notify.announce import announce
from core.notify.messages import Figure, Message, finite, shorten_name
from core.runs import layout
from core.runs.ends import log
from core.runs.told import claim
from core.studies.conclusions import rank_trials
from core.studies.objectives import OBJECTIVES
from core.studies.study import Study, StudySummary, open_study

END = "end"


def tell_end(study: Study) -> None:
    """Called by a worker whose lock is free again; the study may be deleted, and its storage may be away."""
    try:
        # Opened anew, with a page's patience: the worker's own waits ten minutes for a storage that is away.
        study = open_study(study.name)
        summary = study.try_summary() if study.folder.is_dir() else None
        if summary and not summary.workers_alive and claim(study.folder, END):
            announce(describe_end(study, summary))
    except Exception as error:  # noqa: BLE001 - the worker ends as it would have
        log(f"Nobody could be told of the study's end: {type(error).__name__}.")


def describe_end(study: Study, summary: StudySummary) -> Message:
    """What came of a study whose workers are gone: finished, stopped by hand, or given up."""
    asked = (study.folder / layout.STOP).exists()
    event = "finished" if summary.state == "finished" else "stopped" if asked else "failed"
    words = {"finished": "finished", "stopped": "was paused", "failed": "ended without being done"}[event]
    return Message(
        event,
        "study",
        study.name,
        f"Study {shorten_name(study.name)} {words}",
        id=study.name,
        state=summary.state,
        reason=summary.reason or ("Paused on request." if asked else ""),
        figures=(_count(summary), *_list_best(study)),
        path=f"studies?name={quote(study.name, safe='')}",
    )


def _count(summary: StudySummary) -> Figure:
    counts = {"finished": summary.done, "pruned": summary.pruned, "failed": summary.failed}
    return Figure("Trials", ", ".join(f"{number:,} {word}" for word, number in counts.items() if number) or "none")


def _list_best(study: Study) -> list[Figure]:
    """The values of the best trial; of several objectives all, of the trial that is best by the main one."""
    best = next(iter(rank_trials(study.spec, study.frozen_trials())), None)
    return [
        Figure(
            f"{OBJECTIVES[name].label} of trial {best.number}, the best",
            OBJECTIVES[name].show(value),
            finite(value),
            "validation" if OBJECTIVES[name].is_validated else "",
        )
        for name, value in zip(study.spec.objectives, (best and best.values) or (), strict=False)
        if best
    ]
