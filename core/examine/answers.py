"""Answers for images that somebody brings: which networks are asked, what each image is taken for, and how surely."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.data.class_numbers import tell_numbers
from core.examine.predictions import Predicted, name_classes, number_classes
from core.examine.weights import ExamineError, Weights, find_weights, name_file, read_scale, require_sound
from core.helper.questions import Member, OwnPiece
from core.runs.folder import Run
from core.stats.scores import Accuracy, accuracy
from core.system.names import canonical, readable
from core.text.formats import format_percent
from core.text.safe import plain_cell, write_line
from core.text.words import count_of

Ids = Literal["name", "stem", "number"]
Labels = Literal["name", "index"]
Method = Literal["distance", "energy"]
METHODS: dict[Method, str] = {
    "distance": "the distance to the nearest training features (after Sun et al. 2022)",
    "energy": "the energy of the logits (Liu et al. 2020), as the images of the training are not at hand",
}
# Of the validation images, this share has a score at which an image of one's own is called unusual.
UNUSUAL_SHARE = 0.05


@dataclass(frozen=True)
class Answer:
    """One image: class indices and probabilities of the first and the second guess, -1 and NaN if it has a `fault`."""

    index: int
    name: str
    guess: int
    probability: float
    second: int
    second_probability: float
    is_unusual: bool
    fault: str
    score: float = float("nan")  # the higher, the less the image is like those of the training


def make_member(run: Run, key: str = "best") -> tuple[Member, Weights]:
    """A run's weights, ready to be asked. Raises ExamineError."""
    require_sound(run)
    weights = find_weights(run, key)
    scale = read_scale(run.environment())
    if scale is None:
        raise ExamineError(f"The run {run.id} did not record the mean and spread of its images, which are needed here.")
    recorded = (run.environment().get("grey_scales") or {}).items()
    grey = {kind: (bounds[0], bounds[1]) for kind, bounds in recorded if len(bounds) == 2 and bounds[0] < bounds[1]}
    return Member(name_file(run, weights), *scale, grey), weights


def require_same_classes(runs: Sequence[Run]) -> list[str]:
    """The class names that all runs have, in their order. Raises ExamineError."""
    names = name_classes(runs[0])
    for run in runs[1:]:
        if list(map(canonical, name_classes(run))) != list(map(canonical, names)):
            raise ExamineError(f"The run {run.id} tells other classes apart than {runs[0].id}, so they have no mean.")
    return names


def find_numbers(runs: Sequence[Run]) -> list[int]:
    """The number of each class, as the set gives it that the runs were trained on. Raises ExamineError."""
    # Runs of an earlier version noted none: any other tells.
    noted = [run for run in runs if run.environment().get("class_numbers")] or runs[:1]
    found = number_classes(noted[0])
    for run in noted[1:]:
        if number_classes(run) != found:
            raise ExamineError(f"The runs {noted[0].id} and {run.id} number their classes differently: take names.")
    return found


@dataclass(frozen=True)
class Threshold:
    """The score above which an image is unusual, chosen on `images` validation images, of which `share` are so."""

    method: Method
    limit: float
    share: float
    images: int


def find_threshold(method: Method, scores: npt.NDArray[np.float64]) -> Threshold:
    """From the scores of validation images (images,): 5 % of these come out as unusual."""
    limit = float(np.quantile(scores, 1 - UNUSUAL_SHARE))
    return Threshold(method, limit, float((scores > limit).mean()), len(scores))


def measure_energy(validation: Sequence[Predicted]) -> npt.NDArray[np.float64]:
    """-log sum exp(logits) (Liu et al. 2020) of images (images,), of several networks its mean."""
    energies = [-np.logaddexp.reduce(each.logits.astype(np.float64), axis=1) for each in validation]
    return np.asarray(np.mean(energies, axis=0))


def explain_unmarked(runs: Sequence[Run]) -> str:
    """Why nothing tells which images are unusual to these runs; empty if something does."""
    if not all(run.has_validation for run in runs):
        return "Unusual images are not marked: no images were held out to validate on."
    prints = {run.environment().get("data_fingerprint") for run in runs}
    if len(runs) == 1 or (len(prints) == 1 and None not in prints):
        return ""
    return "Unusual images are not marked: the runs were not validated on the same images."


def tell_answers(names: Sequence[str], found: OwnPiece, threshold: Threshold | None = None) -> list[Answer]:
    """One answer an image, in the order of the images."""
    scores = found.distances if threshold and threshold.method == "distance" else found.energies
    limit = threshold.limit if threshold else float("inf")
    chances = np.nan_to_num(found.probabilities, nan=-1.0)
    order = np.argsort(-chances, axis=1, kind="stable")[:, :2]  # equal ones go to the lower class
    answers = []
    for index, name in enumerate(names):
        fault = found.faults.get(index, "")
        first, second = (-1, -1) if fault else (int(order[index, 0]), int(order[index, 1]))
        of = found.probabilities[index]
        score = float(scores[index])
        unusual = not fault and score > limit
        answers.append(Answer(index, name, first, float(of[first]), second, float(of[second]), unusual, fault, score))
    return answers


def sort_by_doubt(answers: Sequence[Answer]) -> list[Answer]:
    """Those that cannot be read first, then by the probability of the guess, the smallest first."""
    return sorted(answers, key=lambda answer: (not answer.fault, answer.probability if not answer.fault else 0.0))


def find_labels(names: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """The classes (images,) that folders name; None unless each image lies in a folder named as one of the classes."""
    numbers = {canonical(name): index for index, name in enumerate(classes)}
    labels = []
    for name in names:
        folders = [key for part in PurePosixPath(name).parts[:-1] if (key := canonical(part)) in numbers]
        if len(folders) != 1:
            return None
        labels.append(numbers[folders[0]])
    return np.array(labels, np.int64)


def measure(answers: Sequence[Answer], labels: npt.NDArray[np.int64]) -> Accuracy | None:
    """Accuracy over the images that could be read; None if there are none."""
    read = [answer.index for answer in answers if not answer.fault]
    guesses = np.array([answers[index].guess for index in read], np.int64)
    return accuracy(labels[read], guesses) if read else None


def summarize(
    answers: Sequence[Answer], labels: npt.NDArray[np.int64] | None, threshold: Threshold | None = None
) -> list[str]:
    """What came out, in sentences; with `labels` the accuracy too."""
    faults, unusual = sum(bool(answer.fault) for answer in answers), sum(answer.is_unusual for answer in answers)
    sentences = [f"{count_of(len(answers) - faults, 'image')} predicted."]
    if faults:
        sentences.append(f"{count_of(faults, 'image')} cannot be read and {'has' if faults == 1 else 'have'} no class.")
    if threshold and len(answers) > faults:
        share = format_percent(unusual / (len(answers) - faults), 1)
        sentences.append(
            f"Unusual: {unusual:,} ({share}), by {METHODS[threshold.method]}. "
            f"Of the {threshold.images:,} validation images, on which the limit was chosen, "
            f"{format_percent(threshold.share, 1)} are."
        )
    found = None if labels is None else measure(answers, labels)
    if found:
        low, high = found.interval.low, found.interval.high
        sentences.append(
            f"By their folders {found.num_right:,} of {found.num_images:,} are right: accuracy "
            f"{format_percent(found.value)} (95 % interval {100 * low:.2f} to {100 * high:.2f})."
        )
    return sentences


# Handing in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HandIn:
    """How a table is handed in: its two columns, what stands in them, and the ids in the order that is asked for.

    `numbers` are those of the classes, which `index` means. `exact` writes names as they are, also one that a
    spreadsheet would run as a formula.
    """

    columns: tuple[str, str] = ("ID", "Label")
    ids: Ids = "name"
    labels: Labels = "name"
    order: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    exact: bool = False


def write_hand_in(answers: Sequence[Answer], classes: Sequence[str], hand_in: HandIn) -> str:
    """The answers as CSV. Raises ExamineError for an image that was not read, for equal ids and for missing ones."""
    return _to_csv(hand_in.columns, _list_rows(answers, classes, hand_in), exact=hand_in.exact)


def explain_hand_in(answers: Sequence[Answer], classes: Sequence[str], hand_in: HandIn, option: str) -> list[str]:
    """Which numbers stand for the classes, and that names were written otherwise than they are without this option.

    Raises ExamineError as `write_hand_in`.
    """
    sentences = []
    if hand_in.labels == "index":
        sentences.append(f"By index: {tell_numbers(classes, hand_in.numbers or range(len(classes)))}.")
    cells = [cell for row in _list_rows(answers, classes, hand_in) for cell in row if isinstance(cell, str)]
    changed = [cell for cell in cells if plain_cell(cell) != cell]
    if changed and not hand_in.exact:
        sentences.append(
            f"An apostrophe stands before {count_of(len(changed), 'name')} such as {readable(changed[0])}, which a "
            f"spreadsheet would run as a formula; {option} writes them as they are."
        )
    return sentences


def _list_rows(answers: Sequence[Answer], classes: Sequence[str], hand_in: HandIn) -> list[tuple[str, str | int]]:
    faulty = [answer for answer in answers if answer.fault]
    if faulty:
        raise ExamineError(
            f"{len(faulty):,} of the images cannot be read, the first {faulty[0].name}: {faulty[0].fault}"
        )
    by_id = {_name_id(answer, hand_in.ids): answer for answer in answers}
    if len(by_id) < len(answers):
        raise ExamineError(f"Several images have the same id by their {hand_in.ids}; take their name or number as id.")
    missing = [wanted for wanted in hand_in.order if wanted not in by_id]
    if missing:
        raise ExamineError(f"{len(missing):,} ids that are asked for have no image, the first of them {missing[0]}.")
    labels = classes if hand_in.labels == "name" else hand_in.numbers or range(len(classes))
    return [(name, labels[by_id[name].guess]) for name in hand_in.order or by_id]


def _name_id(answer: Answer, ids: Ids) -> str:
    match ids:
        case "stem":
            return PurePosixPath(answer.name).stem
        case "number":
            return str(answer.index)
    return answer.name


def read_order(text: str) -> tuple[str, ...]:
    """The ids in the first column of a sample of what is to be handed in, below its header. Raises ExamineError."""
    rows = [row[0] for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) if row]
    if len(rows) < 2:
        raise ExamineError("The sample has no rows below its header, so it names no order.")
    return tuple(rows[1:])


def write_table(answers: Sequence[Answer], classes: Sequence[str], method: Method = "energy") -> str:
    """All that is known of each image, the least certain first, as CSV; the score's column is named by its method."""
    columns = ("image", "class", "probability", "second_guess", "second_probability", method, "unusual", "fault")
    rows = [
        (answer.name, "", "", "", "", "", "", answer.fault)
        if answer.fault
        else (
            answer.name,
            classes[answer.guess],
            f"{answer.probability:.6f}",
            classes[answer.second],
            f"{answer.second_probability:.6f}",
            round(answer.score, 4),
            "yes" if answer.is_unusual else "no",
            "",
        )
        for answer in sort_by_doubt(answers)
    ]
    return _to_csv(columns, rows)


def _to_csv(columns: Sequence[str], rows: Sequence[Sequence[object]], *, exact: bool = False) -> str:
    return "".join(write_line([_to_cell(value, exact) for value in row]) for row in (columns, *rows))


def _to_cell(value: object, exact: bool) -> object:
    if not isinstance(value, str):
        return value
    return readable(value) if exact else plain_cell(readable(value))
