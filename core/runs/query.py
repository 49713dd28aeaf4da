"""Runs found as people type: words, "quoted phrases", `tag:baseline`, `learning_rate < 0.001`; all must hold.

A word is found at the beginning of a word of the name, the note or a tag, a number only as a whole one. `seed 3` is
`seed = 3`. Half an id finds its run. Every field of a spec can be asked for, by its path or the last part of it, and
every key that another tool kept; `channels = 64` holds if it does of any layer.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from core.runs.foreign import read_number
from core.runs.records import RunSummary, Scalar
from core.runs.values import read_value, show_scalar, spread_layers
from core.spec import SECTIONS
from core.spec.fields import fields_of
from core.system.errors import LabError
from core.system.memo import keep_last
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
    "parent": lambda run: (run.parent, run.parent_name),
    "doctor": lambda run: (*run.ailments, *(("given up",) if run.given_up else ())),
}
_SHORT = {"lr": "learning_rate", "bs": "batch_size", "wd": "weight_decay", "params": "parameters", "data": "dataset"}
# Other fields are words of names as well: test 2, last 5.
_WITHOUT_SIGN = ("seed", "epochs", "batch_size", "learning_rate")
_SHARES = ("best", "last", "test")
_LONG = ("name", "note", "id", "by", "from", "parent", "doctor")  # of which a part is enough after a colon


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
_WORD = re.compile(r'[^\s"<>=:!]+')
_SIGNS_OF_WORDS = ("=", "==", ":")
# What other search boxes know, in capitals as there: a word of a name may be "or".
_REFUSED = {
    "OR": "There is no OR: all that is typed must hold",
    "NOT": "There is no NOT: write != instead, as in tag != baseline",
}
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(%|k|m|g)?", re.IGNORECASE)
_UNITS = {"%": 0.01, "k": 1e3, "m": 1e6, "g": 1e9, None: 1.0}
_LAYER = re.compile(r"(model\.)?layers\[[0-9]+\]\.")
MAX_LETTERS = 500
_MOST_WORDS = 3  # of a field's name
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


@keep_last
def list_keys(runs: Iterable[RunSummary]) -> list[str]:
    """The keys of all configurations from elsewhere, each once, by name."""
    return sorted({key for run in runs if run.tool for key, _ in run.configuration}, key=str.casefold)


def parse_query(text: str, keys: Collection[str] = ()) -> Query:
    """`keys` are those of the configurations that other tools kept. Raises QueryError."""
    if len(text) > MAX_LETTERS:
        raise QueryError(f"A filter has at most {MAX_LETTERS} letters.", text[:MAX_LETTERS], 0, MAX_LETTERS)
    return Query(tuple(_read_conditions(text, list(_split(text)), keys)))


def suggest_query(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """What was probably meant by a filter that finds nothing: with quotation marks, or the nearest known value."""
    return _suggest_quotes(text) or _suggest_value(text, values)


def _suggest_value(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """`optimizer = muon` for `optimizer = muun`, `tag:baseline` for `tag:base`."""
    try:
        tokens = list(_split(text))
    except QueryError:
        return ""
    for field, sign, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
        name = field.text.casefold().rpartition(".")[2]
        known = {each.casefold(): each for each in values.get(_SHORT.get(name, name), ()) if '"' not in each}
        wanted = value.text.casefold()
        if field.kind != "word" or sign.text not in _SIGNS_OF_WORDS or not known or wanted in known:
            continue
        near = [each for each in known if wanted and each.startswith(wanted)] or get_close_matches(wanted, known, 1)
        if near:
            word = known[near[0]]
            return text[: value.start] + (word if _WORD.fullmatch(word) else f'"{word}"') + text[value.end :]
    return ""


def _suggest_quotes(text: str) -> str:
    """`tag:"first try"` for `tag:first try`, where a value of words was hardly meant to end at the first of them."""
    try:
        tokens = list(_split(text))
    except QueryError:
        return ""
    for place, token in enumerate(tokens[:-3]):
        sign, value = tokens[place + 1 : place + 3]
        if token.text.casefold() not in TEXTS or (sign.kind, value.kind) != ("operator", "word"):
            continue
        last = place + 2
        while last + 1 < len(tokens) and _is_plain(tokens, last + 1):
            last += 1
        if last > place + 2:
            start, end = value.start, tokens[last].end
            return f'{text[:start]}"{text[start:end]}"{text[end:]}'
    return ""


def _is_plain(tokens: Sequence[_Token], place: int) -> bool:
    """A word that is no field's name."""
    signs = [each.kind == "operator" for each in tokens[place + 1 : place + 2]]
    return tokens[place].kind == "word" and not any(signs)


def _split(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match["phrase"] is not None and not match["closed"]:
            raise QueryError('The quotation mark " is not closed.', text, match.start(), len(text))
        kind = match.lastgroup if match["phrase"] is None else "phrase"
        word = match["phrase"] if match["phrase"] is not None else match.group()
        yield _Token(word, str(kind), match.start(), match.end())


def _read_conditions(text: str, tokens: list[_Token], keys: Collection[str]) -> Iterator[Holds]:
    place = 0
    while place < len(tokens):
        token, words = _read_field(tokens, place, keys)
        place, rest = place + words - 1, tokens[place + words :]
        if token.kind == "word" and token.text in _REFUSED and not (rest and rest[0].kind == "operator"):
            message = f"{_REFUSED[token.text]}. In quotation marks it is a word of a name."
            raise QueryError(message, text, token.start, token.end)
        if token.kind == "operator":
            raise QueryError(f"Before {token.text} the name of a field is missing.", text, token.start, token.end)
        if token.kind == "word" and rest and rest[0].kind == "operator":
            if len(rest) < 2 or rest[1].kind == "operator":
                raise QueryError(f"After {rest[0].text} a value is missing.", text, token.start, rest[0].end)
            yield _compare(text, token, rest[0], rest[1], keys)
            place += 3
        elif token.text.casefold() in _WITHOUT_SIGN and rest and _NUMBER.fullmatch(rest[0].text):
            yield _compare(text, token, _Token("=", "operator", token.end, token.end), rest[0], keys)
            place += 2
        else:
            yield _find_phrase(token.text) if token.kind == "phrase" else _find_word(token.text)
            place += 1


def _read_field(tokens: Sequence[_Token], place: int, keys: Collection[str]) -> tuple[_Token, int]:
    """The field's name that begins here, and of how many words: `learning rate`, as tables call it, is of two."""
    for count in range(_MOST_WORDS, 1, -1):
        words, after = tokens[place : place + count], tokens[place + count : place + count + 1]
        joined = "_".join(word.text for word in words)
        is_name = all(word.kind == "word" for word in words) and any(each.kind == "operator" for each in after)
        if is_name and _is_known(joined.casefold(), keys):
            return _Token(joined, "word", words[0].start, words[-1].end), count
    return tokens[place], 1


def _is_known(name: str, keys: Collection[str]) -> bool:
    return name in NUMBERS or name in TEXTS or name in _SHORT or bool(_find_paths(name, keys))


def _compare(text: str, field: _Token, sign: _Token, value: _Token, keys: Collection[str]) -> Holds:
    name = field.text.casefold().rpartition(".")[2]
    if name in _SHORT:  # which another tool's configuration may have as a key of its own
        full = _compare(text, replace(field, text=_SHORT[name]), sign, value, keys)
        paths = _find_paths(field.text, keys)
        short = _compare_values(text, paths, sign, value) if paths else None
        return lambda run: full(run) or bool(short and short(run))
    if name not in (*NUMBERS, *TEXTS) and (paths := _find_paths(field.text, keys)):
        return _compare_values(text, paths, sign, value)
    if name in NUMBERS:
        return _compare_number(text, name, sign, value)
    if name not in TEXTS:
        if name[:1] == "-" and (name[1:] in (*NUMBERS, *TEXTS) or _find_paths(name[1:], keys)):
            message = f"What is not is written with !=, as in {name[1:]} != {value.text}."
            raise QueryError(message, text, field.start, field.end)
        near = get_close_matches(name, list_names(keys), 1)
        known = join_words([*NUMBERS, *TEXTS], "and")
        others = f"there are {known}, and every field of Build, such as momentum"
        message = f"There is no field {field.text}; {f'did you mean {near[0]}?' if near else f'{others}.'}"
        raise QueryError(message, text, field.start, field.end)
    if sign.text[0] in "<>":
        raise QueryError(f"{name} is text: it can be = or !=, not {sign.text}.", text, sign.start, sign.end)
    read, wanted, is_part = TEXTS[name], value.text.casefold(), sign.text == ":" and name in _LONG

    def holds(run: RunSummary) -> bool:
        found = [each.casefold() for each in read(run)]
        return any(wanted in each for each in found) if is_part else wanted in found

    return holds if sign.text != "!=" else lambda run: not holds(run)


@cache
def _list_paths() -> tuple[str, ...]:
    sections = (*SECTIONS, "layers[]")
    return tuple(field.path for section in sections for field in fields_of(section) if field.kind != "layers")


def list_names(keys: Collection[str] = ()) -> list[str]:
    """Names that can stand before a sign, the short ones first."""
    fields = [path.replace("layers[].", "layers[0].") for path in _list_paths()]
    short = [path.rpartition(".")[2] for path in _list_paths()]
    return list(dict.fromkeys([*NUMBERS, *TEXTS, *short, *fields, *keys]))


@keep_last
def list_values(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    """Words that can stand after a sign, by the name before it: those of these runs, and the choices of fields."""
    values = {
        name: sorted({each for run in runs for each in TEXTS[name](run) if each}, key=str.casefold)
        for name in ("tag", "state", "dataset", "optimizer", "device", "by")
    }
    for section in (*SECTIONS, "layers[]"):
        for field in fields_of(section):
            choices = ["yes", "no"] if field.kind == "bool" else list(field.choices)
            if choices and not values.get(field.name):
                values[field.name] = choices
    return values


def _find_paths(name: str, keys: Collection[str]) -> list[str]:
    """Fields and keys of this name, or of which it is the last part."""
    wanted = name.casefold()
    if _LAYER.match(wanted):
        layer = f"model.{wanted.removeprefix('model.')}"
        return [layer] if _LAYER.sub("layers[].", layer) in _list_paths() else []
    return [path for path in (*_list_paths(), *keys) if f".{path.casefold()}".endswith(f".{wanted}")]


def _compare_values(text: str, paths: Sequence[str], sign: _Token, value: _Token) -> Holds:
    """A condition on fields of a spec or keys of a configuration; it holds if it does of any of them, != of all."""
    match, wanted = _NUMBER.fullmatch(value.text), value.text.casefold()
    if sign.text[0] in "<>" and not match:
        message = f"{value.text} is no number, so nothing is {sign.text} it{_explain_comma(value.text)}."
        raise QueryError(message, text, value.start, value.end)
    number = float(match[1]) * _UNITS[match[2] and match[2].casefold()] if match else math.nan
    negated = sign.text == "!="
    compare = _is_close if negated else _COMPARE[sign.text]

    def is_met(path: str, own: Scalar) -> bool:
        if (figure := read_number(own)) is not None:
            return compare(figure, number)  # of no number nothing holds
        words = {str(own).casefold(), show_scalar(path, own).casefold()}
        if sign.text == ":":
            return any(wanted in each for each in words)
        return sign.text[0] not in "<>" and wanted in words

    def holds(run: RunSummary) -> bool:
        values = [(path, own) for path in spread_layers(run, paths) if (own := read_value(run, path)) is not None]
        return bool(values) and any(is_met(path, own) for path, own in values) != negated

    return holds


def _compare_number(text: str, name: str, sign: _Token, value: _Token) -> Holds:
    match = _NUMBER.fullmatch(value.text)
    if not match:
        message = f"{name} is a number, and {value.text} is none{_explain_comma(value.text)}."
        raise QueryError(message, text, value.start, value.end)
    wanted = float(match[1]) * _UNITS[match[2] and match[2].casefold()]
    if name in _SHARES and wanted > 1:
        message = f"{name} is a share: write {match[1]}%."
        raise QueryError(message, text, value.start, value.end)
    read, compare = NUMBERS[name], _COMPARE[sign.text]
    return lambda run: (own := read(run)) is not None and compare(own, wanted)


def _explain_comma(typed: str) -> str:
    return "; write decimals with a point" if re.fullmatch(r"[0-9]*,[0-9]+%?", typed) else ""


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
