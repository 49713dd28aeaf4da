"""Where a study begins, how it searches, and what its space holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.data.catalogue import name_data
from core.runs.listing import list_runs
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.fields import label_path
from core.spec.parse import SpecError, read_number
from core.spec.presets import PRESETS
from core.studies.objectives import OBJECTIVES
from core.studies.pruners import PRUNERS, PrunerEntry, describe_pruning
from core.studies.samplers import SAMPLERS, SamplerEntry
from core.studies.space import find_field
from core.studies.spec import STUDY_PRESETS, SpaceSize, StudySpec, measure_space
from core.system.errors import LabError
from core.text.formats import format_count, format_percent
from core.text.words import count_of
from pages.parts.frame.numbers import NO_LIMIT, find_limit_word, read_typed, say, show_number
from pages.parts.frame.style import show_problem
from pages.parts.studies.draft import PRESET_TITLES, StudyDraft, around, name_run, read_base, resolve
from pages.parts.studies.space import show_problems

MAX_RUNS = 30
SAMPLER_HELP = (
    "TPE learns from every trial and takes any space; Gaussian process for few, costly trials; CMA-ES for ranges; "
    "NSGA-II for several objectives; random, grid and quasi-Monte Carlo do not learn."
)
WAITS_HELP = "Before it no trial is pruned. Follows the epochs until you change it."
PRUNER_HELP = "Ends trials early that do worse than others did at the same epoch, or will hardly be the best."


# Where it begins ---------------------------------------------------------------------------------------------------


def show_source(draft: StudyDraft) -> None:
    """What to start from: a study that is ready, or a spec to search around."""
    with_spec = [run for run in list_runs() if run.state != "damaged" and not run.tool]
    runs = {f"run:{run.id}": name_run(run) for run in with_spec[:MAX_RUNS]}
    labels = {
        **{f"study:{name}": f"Study: {PRESET_TITLES.get(name, name)}" for name in STUDY_PRESETS},
        "draft": "Build: the network there",
        **{f"preset:{name}": f"Network: {preset.title}" for name, preset in PRESETS.items()},
        **{word: f"Run: {name}" for word, name in runs.items()},
    }
    options = list(labels)
    key = draft.widget_key("source")
    st.selectbox(
        "Start from",
        options,
        index=options.index(draft.source) if draft.source in options else None,
        key=key,
        format_func=lambda word: labels[word],
        placeholder="A study, a network or a run",
        on_change=_take_source,
        args=(draft, key),
        help="A study replaces everything here; a network or run is searched around, with the same fields.",
    )


def _take_source(draft: StudyDraft, key: str) -> None:
    word = st.session_state[key] if draft.is_current(key) else None
    if not word:
        return
    try:
        study, _ = resolve(word.removeprefix("study:"))
    except LabError:
        return  # Deleted meanwhile; the list no longer has it.
    if word.startswith("study:"):
        draft.replace(study, word)
    else:
        draft.rebase(study.base, word)
        if not draft.rows:
            draft.replace(around(study.base), word)


def describe_base(base: RunSpec) -> str:
    """The network to search around, in a line."""
    data = name_data(base.data)
    images = f", {base.data.max_train_images:,} images" if base.data.max_train_images else ""
    return (
        f"{data}{images} · {base.train.epochs} epochs · {count_of(len(base.model.layers), 'layer')} · "
        f"{format_count(cost_of(base).parameters)} parameters"
    )


def show_effort(draft: StudyDraft) -> None:
    """What decides how long a trial takes."""
    with st.container(key="grid_study_effort"):
        for path, label in (("train.epochs", "Epochs a trial"), ("data.max_train_images", "Training images at most")):
            with st.container(key=f"cell_effort_{path.rpartition('.')[2]}", gap="xsmall"):
                _show_override(draft, path, label)


def _show_override(draft: StudyDraft, path: str, label: str) -> None:
    key, field = draft.widget_key(f"override.{path}"), find_field(path)
    zero = find_limit_word(field)

    def keep() -> None:
        if draft.is_current(key) and (zero or st.session_state[key].strip()):
            draft.overrides[path], draft.touched = read_typed(st.session_state[key], zero, is_whole=True), True

    value = draft.overrides.get(path, read_base(draft.base, path))
    show_number(label, value, zero=zero, key=key, help=field.help, on_change=keep)
    show_problems(draft, f"override.{path}", label)


# How it is searched ------------------------------------------------------------------------------------------------


def show_settings(draft: StudyDraft) -> None:
    """Objectives, sampler, pruner and how long."""
    _show_objectives(draft)
    with st.container(key="grid_study_how"):
        _choose(draft, "sampler", "Sampler", SAMPLERS, SAMPLER_HELP)
        _choose(draft, "pruner", "Pruner", PRUNERS, PRUNER_HELP)
        if draft.settings["pruner"] != "none":
            _count(draft, "pruner_warmup_epochs", PRUNERS[draft.settings["pruner"]].waits, WAITS_HELP, 0)
        _count(draft, "trials", "Trials", "Networks to train; 0 leaves only the time limit.", 0)
        _count(
            draft,
            "minutes",
            "Time limit (min)",
            "0 is none. Trials that train by then go on to their end.",
            0.0,
            NO_LIMIT,
        )
        _count(draft, "workers", "Workers", "Processes that train side by side, where devices have room for them.", 1)
        _count(draft, "budget", "Parameters at most", "Larger networks are never trained; 0 allows any.", 0, NO_LIMIT)
        _count(draft, "seed", "Seed", "With one worker, the same seed proposes the same trials again.", 0)
    show_pruning(draft)


def show_pruning(draft: StudyDraft) -> None:
    """When trials end early, as the pruner has it; nothing without one."""
    for sentence in describe_pruning(draft.good) if draft.good else ():
        st.html(f'<p class="lab-muted lab-small study-line">{escape(sentence)}</p>')


def _show_objectives(draft: StudyDraft) -> None:
    key = draft.widget_key("objectives")

    def keep() -> None:
        if draft.is_current(key):
            chosen = list(st.session_state[key])
            draft.settings["objectives"], draft.touched = chosen, True
            if len(chosen) > 1 and draft.settings["pruner"] != "none":
                # Several objectives cannot be pruned; the widget follows by its new key.
                draft.settings["pruner"] = "none"
                draft.generation += 1

    st.multiselect(
        "Objectives",
        list(OBJECTIVES),
        draft.settings["objectives"],
        key=key,
        format_func=lambda name: OBJECTIVES[name].label,
        placeholder="What to optimize",
        on_change=keep,
        help="Accuracy is raised, all others are lowered. Several at once are weighed as a Pareto front.",
    )
    show_problems(draft, "objectives", "Objectives")


def _commit(draft: StudyDraft, name: str, key: str, read: Callable[[Any], Any] = lambda value: value) -> None:
    if draft.is_current(key):
        draft.settings[name], draft.touched = read(st.session_state[key]), True


def _choose(
    draft: StudyDraft, name: str, label: str, options: Mapping[Any, SamplerEntry | PrunerEntry], text: str
) -> None:
    key, words = draft.widget_key(name), list(options)
    with st.container(key=f"cell_study_{name}", gap="xsmall"):
        st.selectbox(
            label,
            words,
            index=words.index(draft.settings[name]),
            key=key,
            format_func=lambda word: options[word].label,
            help=text,
            on_change=_commit,
            args=(draft, name, key),
        )
        show_problems(draft, name, label)


def _count(draft: StudyDraft, name: str, label: str, text: str, lowest: float, zero: str = "") -> None:
    """A number; `lowest` tells whether it is whole, and what an emptied box means; `zero` is what 0 stands for."""
    key = draft.widget_key(name)

    def read(typed: str) -> Any:
        return read_number(typed, is_whole=isinstance(lowest, int)) if typed.strip() else lowest

    with st.container(key=f"cell_study_{name}", gap="xsmall"):
        keep = partial(_commit, draft, name, key, read)
        show_number(label, draft.settings[name], zero=zero, key=key, help=text, on_change=keep)
        show_problems(draft, name, label)


# What the space holds ----------------------------------------------------------------------------------------------


def show_size(draft: StudyDraft) -> None:
    """How many networks the space holds, the smallest and the largest, and how much of it is over budget."""
    if draft.good is None:
        st.html('<p class="lab-muted lab-small">The size of the space shows when all its fields are right.</p>')
        return
    try:
        size = measure_space(draft.good)
    except SpecError as error:
        for problem in error.problems:
            show_problem(say("The search space", problem.message))
        return
    st.html(f'<div class="space-size">{_tell_size(draft.good, size)}</div>')


def _tell_size(study: StudySpec, size: SpaceSize) -> str:
    count = f"{size.count:,}" if size.count is not None and size.count < 10**9 else ""
    combinations = f"{size.count:.1e}" if size.count is not None and not count else count or "Continuous"
    facts = [
        ("Fields searched", str(len(study.space))),
        ("Combinations", combinations),
        ("Smallest network", f"{size.smallest_parameters:,}"),
        ("Largest network", f"{size.largest_parameters:,}"),
    ]
    lines = "".join(f"<div><span>{name}</span><b>{value}</b></div>" for name, value in facts)
    notes = []
    if size.share_over_budget:
        share = format_percent(size.share_over_budget, 0)
        notes.append(f"About {share} of the space is over the budget and will be passed over untrained.")
    if size.share_impossible:
        notes.append(f"About {format_percent(size.share_impossible, 0)} cannot be built and will be passed over.")
    if size.count is not None and study.trials > size.count:
        notes.append(f"{study.trials} trials are more than the {size.count:,} combinations.")
    return lines + "".join(f'<p class="lab-small lab-muted">{escape(note)}</p>' for note in notes)


def name_problem_fields(draft: StudyDraft) -> Sequence[str]:
    """The fields with problems, by their names in the form."""
    names = {"space": "Fields", "base": "The network", "minutes": "Time limit"}
    found = []
    for problem in draft.problems:
        head = problem.path.split(".")[0].split("[")[0]
        row = draft.row(int(problem.path.split(".")[1])) if head == "row" else None
        path = row.path if row else problem.path.partition(".")[2] if head == "override" else ""
        found.append(label_path(path) if path else names.get(head, head.replace("_", " ").capitalize()))
    return list(dict.fromkeys(found))
