"""Specs that nobody should train: two hundred written by hand, and as many random ones as wanted.

A bad spec is a document (a dict, as JSON has it) and the fields that its refusal must name.
"""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import dataclass
from typing import Any

from core.spec import SECTIONS
from core.spec.fields import SpecField, fields_of
from core.spec.presets import PRESETS
from core.studies.space import ODD

Document = dict[str, Any]
HUGE = 10**9


@dataclass(frozen=True)
class BadSpec:
    """`document` is refused, naming each of `named`; `settings` say the same as flags, none where flags cannot."""

    document: Document
    named: tuple[str, ...]
    settings: tuple[str, ...] = ()


def at(path: str, value: Any, **more: Any) -> BadSpec:
    """One bad value in a spec of defaults; `more` are fields that must stand so for it to be bad."""
    document: Document = {}
    pairs = {path: value, **{name.replace("__", "."): other for name, other in more.items()}}
    for place, inner in pairs.items():
        put(document, place, inner)
    return BadSpec(document, (path,), tuple(f"{place}={write(inner)}" for place, inner in pairs.items()))


def put(document: Document, path: str, value: Any) -> None:
    """Sets `train.epochs` or `model.layers[1].blocks`; layers before it are made."""
    section, _, name = path.rpartition(".")
    owner = document.setdefault(section.split(".")[0], {})
    if found := re.fullmatch(r"model\.layers\[(\d+)\]", section):
        layers = owner.setdefault("layers", [])
        while len(layers) <= int(found[1]):
            layers.append({})
        owner = layers[int(found[1])]
    owner[name] = value


def write(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# One bad value each ------------------------------------------------------------------------------------------------

INTS = (-1, -(2**63), 2**64, HUGE, 1.5, math.nan, math.inf, "7", "x", None, True, [], [3], {})
VALUES: tuple[BadSpec, ...] = (
    *(at("train.epochs", value) for value in (0, 10_001, *INTS)),
    *(at("train.batch_size", value) for value in (0, 16_385, 1e300, *INTS)),
    *(at("model.layers[0].channels", value) for value in (0, 4097, *INTS)),
    *(at("model.layers[1].blocks", value) for value in (0, 65, HUGE, "many", None)),
    *(at("model.layers[0].filter_size", value) for value in (0, 2, 4, 17, HUGE, "3x3", [3, 3])),
    *(at("model.layers[2].skip_kernel", value) for value in (0, 2, 17, None)),
    *(at("model.layers[1].stride", value) for value in (0, 5, -2, "2")),
    *(at("model.stem_channels", value) for value in (0, 4097, HUGE, -HUGE)),
    *(at("model.stem_filter", value) for value in (2, 16, HUGE)),
    *(at("model.pool_size", value) for value in (0, 257, HUGE, 33)),
    *(at("model.attention_reduction", value) for value in (0, 257, "half")),
    *(at("model.dropout", value) for value in (-0.1, 1, 2, math.nan, -math.inf, "half", None, True, [0.5])),
    *(at("model.stochastic_depth", value) for value in (-1e-9, 0.96, 1e308)),
    *(at("model.block", value) for value in ("Basic", "", "basic ", "inception", 1, None, ["basic"])),
    *(at("model.activation", value) for value in ("RELU", "relu\0", "__class__", "../relu")),
    *(at("model.attention", value) for value in ("SE", "\N{CYRILLIC SMALL LETTER ES}e", False)),
    *(at("model.pool_kind", value) for value in ("avg", {}, 0)),
    *(at("data.dataset", value) for value in ("CIFAR10", "imagenet", "../cifar10", "/etc/passwd", None, 10)),
    *(at("data.image_size", value) for value in (7, 257, HUGE, 32.5)),
    *(at("data.folder_classes", value) for value in (1, 10_001, HUGE)),
    *(at("data.val_fraction", value) for value in (-0.01, 0.51, 1, -1, math.nan)),
    *(at("data.test_fraction", value) for value in (0, 0.6, "10 %")),
    *(at("data.split_seed", value) for value in (-1, 2**31)),
    *(at("data.max_train_images", value) for value in (-1, 10_000_001, 10**18)),
    at("data.folder", "x" * 1001),
    at("data.folder", "", data__dataset="folder"),
    at("data.folder", " \t ", data__dataset="folder"),
    *(at("augment.crop_padding", value) for value in (-1, 65, HUGE, "four")),
    *(at("augment.crop_mode", value) for value in ("wrap", None)),
    *(at("augment.flip", value) for value in (0, 1, "yes please", None, [])),
    *(at("augment.cutout", value) for value in (-1, 257, HUGE)),
    *(at("augment.mixup", value) for value in (-0.1, 10.1, math.inf)),
    *(at("augment.policy", value) for value in ("autoaugment", 2)),
    *(at("augment.randaugment_ops", value) for value in (0, 9)),
    *(at("train.learning_rate", value) for value in (0, -1, 101, 1e-9, math.nan, math.inf, "fast", None, False, {})),
    *(at("train.momentum", value) for value in (1, -0.5, "high")),
    *(at("train.weight_decay", value) for value in (-1e-4, 1.1)),
    *(at("train.schedule", value) for value in ("Cosine", "cyclic", 0)),
    *(at("train.warmup_epochs", value) for value in (-1, 1001, math.nan)),
    *(at("train.milestones", value) for value in (None, {}, "half", [0], [10_001], ["a"], [1.5], [None], [[1]])),
    *(at("train.milestones", value) for value in ([3, 2], [2, 2], list(range(1, 60)), [HUGE] * 1000)),
    *(at("train.optimizer", value) for value in ("SGD", "rmsprop", "os.system")),
    *(at("train.precision", value) for value in ("float16", "int8")),
    *(at("train.device", value) for value in ("gpu", "cuda:100", "cuda:-1", "cuda:0 ", "CPU", "", "cpu;rm -rf /")),
    *(at("train.seed", value) for value in (-1, 2**31, 10**30)),
)

# Bad together ------------------------------------------------------------------------------------------------------

WIDE = {"channels": 4096, "blocks": 64, "filter_size": 15}
TOGETHER: tuple[BadSpec, ...] = (
    at("train.warmup_epochs", 5.0, train__epochs=5),
    at("train.momentum", 0.0, train__optimizer="sgd", train__nesterov=True),
    at("model.pool_size", 32, data__image_size=8),
    at("augment.crop_padding", 8, data__image_size=8, model__pool_size=1),
    at("augment.cutout", 9, data__image_size=8, model__pool_size=1),
    BadSpec({"train": {"milestones": 3}}, ("train.milestones",)),
    BadSpec({"model": {"layers": [{"stride": 4}] * 5}}, ("model.layers[2].stride",)),
    BadSpec({"model": {"layers": [{"stride": 1}, *[{"stride": 2}] * 9]}}, ("model.layers[6].stride",)),
    BadSpec({"model": {"layers": [{**WIDE, "stride": 1}] * 12}}, ("model.layers[0].channels",)),
    BadSpec({"model": {"layers": [WIDE] * 12}}, ("model.layers[6].stride",)),
    BadSpec({"model": {"layers": [{"channels": 4096, "blocks": 64}]}}, ("model.layers[0].channels",)),
    BadSpec({"model": {"layers": [{}] * 13}}, ("model.layers",)),
    BadSpec({"model": {"layers": [{}] * 15_000}}, ("model.layers",)),
    BadSpec({"model": {"layers": []}}, ("model.layers",)),
    BadSpec({"model": {"layers": "three"}}, ("model.layers",)),
    BadSpec({"model": {"layers": {"0": {}}}}, ("model.layers",)),
    BadSpec({"model": {"layers": [3]}}, ("model.layers[0]",)),
    BadSpec({"train": None, "model": 3, "data": "digits", "augment": []}, ("train", "model", "data", "augment")),
    BadSpec({"version": 2}, ("version",)),
    BadSpec({"train": {"epochs": -1, "seed": -1}, "data": {"image_size": 1}}, ("train.epochs", "train.seed")),
    BadSpec({"train": {f"x{number}": 1 for number in range(3000)}}, ("train.x0",)),
    BadSpec({f"x{number}": {} for number in range(5000)}, ("x0",)),
    BadSpec({"train": {"x" * 60_000: 1}}, ("train.",)),
    BadSpec({"data": {"folder": "x" * 60_000}}, ("data.folder",)),
)
# A name that no field has, and the field that is meant.
SLIPS = (
    ("train.epoch", "epochs"),
    ("train.learningrate", "learning_rate"),
    ("train.batchsize", "batch_size"),
    ("train.optimiser", "optimizer"),
    ("train.lable_smoothing", "label_smoothing"),
    ("model.atention", "attention"),
    ("model.droput", "dropout"),
    ("model.poolsize", "pool_size"),
    ("data.image_sise", "image_size"),
    ("augment.mix_up", "mixup"),
    ("model.layers[0].chanels", "channels"),
    ("model.layers[0].block", "blocks"),
)
# Text that is no spec at all: what is told is told of the whole, or of the field where it goes wrong.
TEXTS: tuple[tuple[str, str], ...] = (
    ("", "empty"),
    ("   \n", "empty"),
    ("null", "spec"),
    ("[]", "spec"),
    ("3", "spec"),
    ('"first-look"', "spec"),
    ("{", "not JSON"),
    ("{'train': {}}", "not JSON"),
    ('{"train": {"epochs": 3,}}', "not JSON"),
    ('{"train": {"epochs": 03}}', "not JSON"),
    ('{"train": {"epochs": 0x10}}', "not JSON"),
    ('{"train": {"epochs": ٣}}', "not JSON"),
    ('{"train": {"epochs": １２}}', "not JSON"),
    ('{"train": {"epochs": 3}} {}', "not JSON"),
    ("[" * 60_000, "not JSON"),
    ('{"model":' * 7000, "not JSON"),
    ('{"train": ' + "[" * 500 + "]" * 500 + "}", "recursion limit exceeded at line 1"),
    ('{"model": {"layers": ' + '[{"a": ' * 500 + "1" + "}]" * 500 + "}}", "recursion limit exceeded at line 1"),
    ('{"train": {"epochs": ' + "9" * 10_000 + "}}", "number out of range at line 1"),
    ('{"train": {"learning_rate": ' + "9" * 10_000 + "}}", "number out of range at line 1"),
    ('{"train": {"learning_rate": 0.' + "0" * 10_000 + "1}}", "train.learning_rate"),
    ('{"train": {"learning_rate": 1e999}}', "train.learning_rate"),
    ('{"train": {"learning_rate": 1e-999}}', "train.learning_rate"),
    ('{"train": {"learning_rate": NaN}}', "train.learning_rate"),
    ('{"train": {"learning_rate": -Infinity}}', "train.learning_rate"),
    ('{"train": {"epochs": 3, "epochs": 4}}', "epochs"),
    ('{"train": {}, "train": {}}', "train"),
    ('{"model": {"layers": [{"blocks": 1, "blocks": 64}]}}', "blocks"),
    ('{"data": {"folder": "\\ud800"}}', "JSON"),
    ('{"data": {"folder": "a\\u0000b", "dataset": "folder"}}', "data.folder"),
    ('{"\\u0000": 1}', "\\u0000"),
    ('{"\\u202etrain": 1}', "\\u202e"),
    ('{"train": {"\\u001b[2J": 1}}', "\\u001b[2J"),
    ('{"train": {"__proto__": {}}}', "__proto__"),
    ('{"__class__": "RunSpec"}', "__class__"),
    ('{"' + "train" * 10_000 + '": 1}', "no field"),
    ('{"train": {"milestones": [' + "0," * 30_000 + "0]}}", "train.milestones"),
    ('{"model": {"layers": [' + "{}," * 20_000 + "{}]}}", "model.layers"),
    ("x" * 70_000, "at most 64,000 bytes"),
    ('{"data": {"folder": "' + "x" * 70_000 + '"}}', "at most 64,000 bytes"),
)
# Studies, whose base is a spec.
RATE = {"path": "train.learning_rate", "low": 1e-4, "high": 1e-2}
STUDIES: tuple[tuple[Document, str], ...] = (
    ({"space": []}, "space"),
    ({"space": [{}]}, "space[0].path"),
    ({"space": [{"path": "train.epoch", "low": 1, "high": 2}]}, "space[0].path"),
    ({"space": [{"path": "__import__('os')", "low": 1, "high": 2}]}, "space[0].path"),
    ({"space": [{"path": "data.folder", "choices": ["/etc"]}]}, "space[0].path"),
    ({"space": [{**RATE, "low": 1}]}, "space[0].high"),
    ({"space": [{**RATE, "low": math.nan}]}, "space[0].low"),
    ({"space": [{**RATE, "high": 1e9}]}, "space[0].high"),
    ({"space": [{**RATE, "step": 1e-300}], "sampler": "grid"}, "space"),
    ({"space": [{"path": "train.seed", "low": 0, "high": 2**31 - 1}], "sampler": "grid"}, "space"),
    ({"space": [{"path": "train.epochs", "choices": [0]}]}, "space[0].choices[0]"),
    ({"space": [{"path": "train.epochs", "choices": list(range(1, 200))}]}, "space[0].choices"),
    ({"space": [RATE] * 101}, "space"),
    ({"space": [RATE], "trials": -1}, "trials"),
    ({"space": [RATE], "trials": HUGE}, "trials"),
    ({"space": [RATE], "workers": 65}, "workers"),
    ({"space": [RATE], "workers": HUGE}, "workers"),
    ({"space": [RATE], "sampler": "genetic"}, "sampler"),
    ({"space": [RATE], "objectives": ["test/accuracy"]}, "objectives"),
    ({"space": [RATE], "objectives": ["val/loss"] * 2000}, "objectives"),
    ({"space": [RATE], "base": {"train": {"epochs": 0}}}, "base.train.epochs"),
    ({"space": [RATE], "base": {"model": {"layers": [{}] * 15_000}}}, "base.model.layers"),
    ({"space": [RATE], "base": 3}, "base"),
    ({"space": [RATE], "minutes": math.inf}, "minutes"),
    ({"space": [RATE], "trails": 3}, "trails"),
)


# Random ones -------------------------------------------------------------------------------------------------------


def draw_bad_spec(dice: random.Random) -> BadSpec:
    """A preset or nothing with one to three fields that are wrong in some way of their kind."""
    document: Document = json.loads(PRESETS[dice.choice(list(PRESETS))].spec.model_dump_json()) if dice.random() else {}
    fields = [field for section in SECTIONS for field in fields_of(section)]
    layers = [field for field in fields_of("layers[]") for _ in range(2)]
    named, settings = [], []
    for field in dice.sample([*fields, *layers], dice.randint(1, 3)):
        path = field.path.replace("layers[]", f"model.layers[{dice.randint(0, 2)}]")
        if any(path.startswith(other) or other.startswith(path) for other in named):
            continue
        value = draw_bad_value(field, dice)
        if field.kind == "layers":
            # With a wrong list of layers nothing else is looked at there.
            document["model"] = {}
            named = [other for other in named if not other.startswith("model.")]
            settings = [other for other in settings if not other.startswith("model.")]
        elif "model.layers" in named and path.startswith("model."):
            continue
        put(document, path, value)
        named.append(path)
        # As a flag, whatever is no text is text to a field of text.
        if field.kind != "text" or isinstance(value, str):
            settings.append(f"{path}={write(value)}")
    return BadSpec(document, tuple(named), tuple(settings) if len(settings) == len(named) else ())


def draw_bad_value(field: SpecField, dice: random.Random) -> Any:
    low, high = field.low or 0, field.high or 0
    word = "".join(chr(dice.choice([dice.randint(33, 126), dice.randint(160, 0xD7FF)])) for _ in range(8)) + "!"
    wrong = [None, {}, {"a": [word]}, word]
    match field.kind:
        case "int":
            odd = [dice.randint(int(low), int(high)) // 2 * 2] if field.name in ODD else []
            outside = [int(low) - dice.randint(1, 10**6), int(high) + dice.randint(1, 10**12), -(2**80), 2**80]
            return dice.choice([*wrong, *odd, *outside, dice.random(), True, [1], math.nan])
        case "float":
            outside = [low - dice.random() - 1e-9, high + 10 ** dice.uniform(-6, 300)]
            return dice.choice([*wrong, *outside, math.nan, math.inf, -math.inf, False, [0.5]])
        case "bool":
            return dice.choice([*wrong, 0, 1, 2.0, [True]])
        case "choice":
            return dice.choice([*wrong, "", field.choices[0].upper(), field.choices[-1] + " ", 0, list(field.choices)])
        case "text":
            return dice.choice([None, {}, 3, [word], word * 200])
        case "ints":
            return dice.choice(
                [
                    *wrong,
                    [0.0] if field.name == "milestones" else [-1],
                    [-dice.randint(1, 9)],
                    [word],
                    [0.5],
                    [10**6],
                    [1] * 60,
                    [5, 4],
                ]
            )
    return dice.choice([*wrong, 3, [], [word], [{}] * dice.randint(13, 5000), [{"blocks": 0}], [None] * 3])
