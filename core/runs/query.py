"""Runs found as people type: words, "quoted phrases", `tag:baseline`, `learning_rate < 0.001`; all must hold.

A word is found at the beginning of a word of the name, the note or a tag, a number only as a whole one. `seed 3` is
`seed = 3`. Half an id finds its run.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from core.runs.foreign import read_number
from core.runs.records import RunSummary
from core.system.errors import LabError
from core.text.words import join_words

Holds = Callable[[RunSummary], bool]


class QueryError(LabError):
    """What was typed is no filter: `text[start:end]` is where."""

    def __init__(self, message: str, text: str, start: int, end: int) -> None:
        super().__init__(message)
        self.text, self.start, self.end = text, start, end


def _told(run: RunSummary, value: float) -> float | None:
    """Of a run of another tool 0 means that nobody told."""
    return None if run.tool and not value else value


NUMBERS: dict[str, Callable[[RunSummary], float | None]] = {
    "learning_rate": lambda run: _told(run, run.learning_rate),
    "batch_size": lambda run: _told(run, run.batch_size),
    "seed": lambda run: _told(run, run.seed),
    "epochs": lambda run: run.epochs,
    "done": lambda run: run.epoch,
    "parameters": lambda run: _told(run, run.parameters),
    "best": lambda run: run.best_val_accuracy,
    "last": lambda run: run.last_val_accuracy,
    "loss": lambda run: run.best_val_loss,
    "test": lambda run: run.test_accuracy,
    "minutes": lambda run: run.seconds / 60,
}
TEXTS: dict[str, Callable[[RunSummary], tuple[str, ...]]] = {
    "name": lambda run: (run.name,),
    "note": lambda run: (run.note,),
    "id": lambda run: (run.id,),
    "tag": lambda run: run.tags,
    "state": lambda run: (run.state,),
    "dataset": lambda run: (run.dataset,),
    "optimizer": lambda run: (run.optimizer,),
    "device": lambda run: (run.device,),
    "by": lambda run: (run.started_by,),
    "from": lambda run: (run.tool,),
}
# Other fields are words of names as well: test 2, last 5.
_WITHOUT_SIGN = ("seed", "epochs", "batch_size", "learning_rate")
_SHARES = ("best", "last", "test")
_LONG = ("name", "note", "id", "by", "from")  # of which a part is enough after a colon


def _is_close(own: float, wanted: float) -> bool:
    """Equal, but for the rounding of 91.23 % to a share."""
    return math.isclose(own, wanted, rel_tol=1e-9)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": _is_close,
    "==": _is_close,
    ":": _is_close,
    "!=": lambda own, wanted: not _is_close(own, wanted),
}
_TOKEN = re.compile(r'"(?P<phrase>[^"]*)(?P<closed>"?)|(?P<operator><=|>=|!=|==|[<>=:])|(?P<word>[^\s"<>=:!]+|!)')
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(%|k|m|g)?", re.IGNORECASE)
_UNITS = {"%": 0.01, "k": 1e3, "m": 1e6, "g": 1e9, None: 1.0}
MAX_LETTERS = 500
_ID_LETTERS = 4  # fewer would find the digits of any


@dataclass(frozen=True)
class _Token:
    text: str
    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Query:
    """Conditions that must all hold of a run."""

    conditions: tuple[Holds, ...] = ()

    def finds(self, run: RunSummary) -> bool:
        return all(holds(run) for holds in self.conditions)


EVERY = Query()


def list_keys(runs: Iterable[RunSummary]) -> list[str]:
    """The keys of all configurations from elsewhere, each once, by name."""
    return sorted({key for run in runs for key, _ in run.configuration}, key=str.casefold)


def parse_query(text: str, keys: Iterable[str] = ()) -> Query:
    """With `keys` of configurations from elsewhere, which are fields as well. Raises QueryError."""
    if len(text) > MAX_LETTERS:
        raise QueryError(f"A filter has at most {MAX_LETTERS} letters.", text[:MAX_LETTERS], 0, MAX_LETTERS)
    return Query(tuple(_read_conditions(text, list(_split(text)), {key.casefold() for key in keys})))


def _split(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match["phrase"] is not None and not match["closed"]:
            raise QueryError('The quotation mark " is not closed.', text, match.start(), len(text))
        kind = match.lastgroup if match["phrase"] is None else "phrase"
        word = match["phrase"] if match["phrase"] is not None else match.group()
        yield _Token(word, str(kind), match.start(), match.end())


def _read_conditions(text: str, tokens: list[_Token], keys: Set[str]) -> Iterator[Holds]:
    place = 0
    while place < len(tokens):
        token, rest = tokens[place], tokens[place + 1 :]
        if token.kind == "operator":
            raise QueryError(f"Before {token.text} the name of a field is missing.", text, token.start, token.end)
        if token.kind == "word" and rest and rest[0].kind == "operator":
            if len(rest) < 2 or rest[1].kind == "operator":
                raise QueryError(f"After {rest[0].text} a value is missing.", text, token.start, rest[0].end)
            is_key = token.text.casefold() in keys and token.text.casefold() not in {*NUMBERS, *TEXTS}
            yield _compare_key(token, rest[0], rest[1]) if is_key else _compare(text, token, rest[0], rest[1])
            place += 3
        elif token.text.casefold() in _WITHOUT_SIGN and rest and _NUMBER.fullmatch(rest[0].text):
            yield _compare(text, token, _Token("=", "operator", token.end, token.end), rest[0])
            place += 2
        else:
            yield _find_phrase(token.text) if token.kind == "phrase" else _find_word(token.text)
            place += 1


def _compare(text: str, field: _Token, sign: _Token, value: _Token) -> Holds:
    name = field.text.casefold().rpartition(".")[2]
    if name in NUMBERS:
        return _compare_number(text, name, sign, value)
    if name not in TEXTS:
        known = join_words([*NUMBERS, *TEXTS], "and")
        raise QueryError(f"There is no field {field.text}; there are {known}.", text, field.start, field.end)
    if sign.text[0] in "<>":
        raise QueryError(f"{name} is text: it can be = or !=, not {sign.text}.", text, sign.start, sign.end)
    read, wanted, is_part = TEXTS[name], value.text.casefold(), sign.text == ":" and name in _LONG

    def holds(run: RunSummary) -> bool:
        found = [each.casefold() for each in read(run)]
        return any(wanted in each for each in found) if is_part else wanted in found

    return holds if sign.text != "!=" else lambda run: not holds(run)


def _compare_key(key: _Token, sign: _Token, value: _Token) -> Holds:
    """By a key of a configuration from elsewhere: as numbers where both are, else as text."""
    name, wanted, compare = key.text.casefold(), value.text.casefold(), _COMPARE[sign.text]
    number = float(wanted) if _NUMBER.fullmatch(wanted) and wanted[-1:].isdigit() else None

    def holds(run: RunSummary) -> bool:
        found = {each.casefold(): known for each, known in run.configuration}
        if name not in found:
            return False
        own = read_number(found[name])
        if own is not None and number is not None:
            return bool(compare(own, number))
        text = str(found[name]).casefold()
        if sign.text == ":":
            return wanted in text
        return sign.text[0] not in "<>" and (text == wanted) == (sign.text != "!=")

    return holds


def _compare_number(text: str, name: str, sign: _Token, value: _Token) -> Holds:
    match = _NUMBER.fullmatch(value.text)
    if not match:
        raise QueryError(f"{name} is a number, and {value.text} is none.", text, value.start, value.end)
    wanted = float(match[1]) * _UNITS[match[2] and match[2].casefold()]
    if name in _SHARES and wanted > 1:
        message = f"{name} is a share: write {match[1]}%."
        raise QueryError(message, text, value.start, value.end)
    read, compare = NUMBERS[name], _COMPARE[sign.text]
    return lambda run: (own := read(run)) is not None and compare(own, wanted)


def _text_of(run: RunSummary) -> str:
    return "\n".join([run.name, run.note, run.optimizer, run.dataset, run.started_by, *run.tags]).casefold()


def _find_phrase(phrase: str) -> Holds:
    wanted = phrase.casefold()
    return lambda run: wanted in _text_of(run) or wanted == run.id


def _find_word(word: str) -> Holds:
    wanted = word.casefold()
    end = r"(?![\w.])" if _NUMBER.fullmatch(wanted) else ""
    pattern = re.compile(rf"(?<![\w.]){re.escape(wanted)}{end}")
    return lambda run: (
        bool(pattern.search(_text_of(run))) or (len(wanted) >= _ID_LETTERS and wanted in run.id.casefold())
    )
