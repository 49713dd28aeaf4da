"""Whatever a spec says, by whichever door it comes: a sentence that names the field, at once, for a few kilobytes."""

from __future__ import annotations

import base64
import gc
import itertools
import json
import random
import re
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from core.cli.app import app
from core.spec import RunSpec
from core.spec.link import from_link
from core.spec.parse import FieldProblem, SpecError, parse_spec, read_number
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from core.studies.spec import parse_study
from pages.parts.build.draft import Draft
from pages.parts.studies.draft import unpack
from tests.security.bad_specs import SLIPS, STUDIES, TEXTS, TOGETHER, VALUES, BadSpec, at, draw_bad_spec

LIMIT_SECONDS = 0.05
LIMIT_BYTES = 8_000_000  # of Python's own, at the peak of one refusal
LIMIT_GROWTH = 48_000_000  # of the whole process over all refusals, pydantic's own code included
HAND_MADE = (*VALUES, *TOGETHER)

Problems = list[FieldProblem]


def pack(text: str | bytes) -> str:
    """A link as anybody can make one."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def refusal_of(read: Callable[[], object]) -> Problems:
    """The problems of a spec that is refused; anything but a refusal fails the test."""
    try:
        accepted = read()
    except SpecError as error:
        return error.problems
    pytest.fail(f"accepted: {str(accepted)[:200]}")


def by_json(bad: BadSpec) -> Problems | None:
    text = json.dumps(bad.document, ensure_ascii=False)
    return refusal_of(lambda: parse_spec(text))


def by_link(bad: BadSpec) -> Problems | None:
    link = pack(json.dumps(bad.document, ensure_ascii=False))
    return refusal_of(lambda: from_link(link))


def by_flag(bad: BadSpec) -> Problems | None:
    return refusal_of(lambda: parse_spec(apply_settings({}, list(bad.settings)))) if bad.settings else None


def by_form(bad: BadSpec) -> Problems | None:
    """The form's draft with the values in it, as its widgets put them there; a form has no fields of other names."""
    values = json.loads(PRESETS["first-look"].spec.model_dump_json())
    for section, fields in bad.document.items():
        if section not in values or not isinstance(fields, dict) or not set(fields) <= set(values[section]):
            return None
        values[section] |= fields
    draft = Draft(values, rows=list(range(9)), good=PRESETS["first-look"].spec)
    draft.check()
    return draft.problems


DOORS = {"JSON": by_json, "link": by_link, "flag": by_flag, "form": by_form}


def read_memory(name: str) -> int:
    """A figure of this process in bytes, as Linux tells it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def reset_peak() -> int:
    """Forgets the most memory this process ever had; returns what it has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_memory("VmRSS")


@dataclass
class Meter:
    """How long refusals took, in the process's own CPU time, and what they allocated."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    resident: int = field(default_factory=reset_peak)

    def measure(self, refuse: Callable[[], Any]) -> Any:
        """A refusal that is over the limit is measured again: what else a machine does can only add to it."""
        least = float("inf")
        for _ in range(3):
            began = time.process_time()
            answer = refuse()
            least = min(least, time.process_time() - began)
            if least < LIMIT_SECONDS:
                break
        self.seconds.append(least)
        return answer

    def weigh(self, refuse: Callable[[], Any]) -> None:
        tracemalloc.start()
        try:
            refuse()
            self.peak_bytes = max(self.peak_bytes, tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    def __str__(self) -> str:
        assert max(self.seconds) < LIMIT_SECONDS, f"{1000 * max(self.seconds):.0f} ms"
        assert self.peak_bytes < LIMIT_BYTES, f"{self.peak_bytes / 1e6:.1f} MB"
        grown = read_memory("VmHWM") - self.resident
        assert grown < LIMIT_GROWTH, f"{grown / 1e6:.0f} MB"
        return (
            f"slowest {1000 * max(self.seconds):.1f} ms of CPU time, at most {self.peak_bytes / 1e6:.1f} MB allocated "
            f"by one, the process at its peak {max(0, grown) / 1e6:.0f} MB larger"
        )


@pytest.fixture
def meter() -> Iterator[Meter]:
    """A meter, without collections of other tests' garbage in between."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield Meter()
    gc.enable()
    gc.unfreeze()


def assert_named(problems: Problems, named: tuple[str, ...], door: str) -> None:
    told = "\n".join(map(str, problems))
    told.encode()
    assert told.replace("\n", "").isprintable(), ascii(told)
    assert len(told) < 5000
    for path in named:
        assert any(problem.path.startswith(path) for problem in problems), f"{door}: {path} is not named in:\n{told}"


def refuse_everywhere(bad_specs: list[BadSpec], meter: Meter) -> int:
    """Each through every door that it fits; how many refusals that were."""
    count = 0
    for bad, (door, refuse) in itertools.product(bad_specs, DOORS.items()):
        problems = meter.measure(lambda refuse=refuse, bad=bad: refuse(bad))
        if problems is not None:
            assert_named(problems, bad.named, door)
            count += 1
    for bad in bad_specs:
        meter.weigh(lambda bad=bad: by_json(bad))
        meter.weigh(lambda bad=bad: by_link(bad))
    return count


PROMISE = "A bad spec is refused at once with a sentence that names the field, and nothing is allocated for it."


@pytest.mark.promise(
    20,
    PROMISE,
    how="200 specs written by hand, as JSON, link, flag and form",
    control="`test_pydantic_alone_takes_long_and_zlib_alone_fills_the_memory`",
)
def test_specs_that_are_bad_by_hand_name_their_field(meter: Meter, record_figure: Callable[[str], None]) -> None:
    written = len(HAND_MADE) + len(TEXTS) + len(STUDIES) + len(SLIPS)
    assert written >= 200
    refusals = refuse_everywhere(list(HAND_MADE), meter)
    for text, named in TEXTS:
        for read, given in ((parse_spec, text), (from_link, pack(text))):
            problems = meter.measure(lambda read=read, given=given: refusal_of(lambda: read(given)))
            told = "\n".join(map(str, problems))
            # A link that is longer than any spec does not even say what it holds.
            assert named in told or (read is from_link and "link is damaged" in told), told
            meter.weigh(lambda read=read, given=given: refusal_of(lambda: read(given)))
            refusals += 1
    for document, named in STUDIES:
        text = json.dumps(document)
        for read, given in ((parse_study, text), (unpack, pack(text))):
            problems = meter.measure(lambda read=read, given=given: refusal_of(lambda: read(given)))
            assert_named(problems, (named,), read.__name__)
            meter.weigh(lambda read=read, given=given: refusal_of(lambda: read(given)))
            refusals += 1
    for path, meant in SLIPS:
        bad = at(path, 1)
        for refuse in (by_json, by_flag):
            problems = meter.measure(lambda refuse=refuse, bad=bad: refuse(bad))
            assert re.search(rf"did you mean (.*\.)?{meant}\?", str(problems[0])), str(problems[0])
            refusals += 1
    record_figure(f"{written} bad specs by hand, {refusals} refusals, {meter}")


@pytest.mark.promise(
    20,
    PROMISE,
    how="1,000 random specs with one to three wrong fields, as JSON, link, flag and form",
    control="`test_pydantic_alone_takes_long_and_zlib_alone_fills_the_memory`",
)
def test_random_bad_specs_name_every_wrong_field(
    full: bool, meter: Meter, record_figure: Callable[[str], None]
) -> None:
    dice = random.Random(20)
    bad_specs = [draw_bad_spec(dice) for _ in range(1000 if full else 300)]
    refusals = refuse_everywhere(bad_specs, meter)
    record_figure(f"{len(bad_specs):,} random bad specs, {refusals:,} refusals, {meter}")


def by_widget(page: AppTest, path: str, value: Any) -> AppTest | None:
    """The Build page with the value typed into the field's widget; None where no widget can hold it."""
    draft: Draft = page.session_state["build.draft"]
    place, _, name = path.rpartition(".")
    shown = f"layer{draft.rows[int(place[-2])]}.{name}" if place.startswith("model.layers") else path
    key = draft.widget_key(shown)
    widgets = [each for each in page.get("text_input") if each.key == key]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    if not widgets or not (is_number or isinstance(value, str)):
        return None
    if isinstance(value, str) and not isinstance(read_number(value, is_whole=False), str):
        return None  # a number as text is wrong in JSON only
    return widgets[0].set_value(str(value)).run()


@pytest.mark.promise(
    20,
    "The form says at the field what is wrong there, keeps what was typed, and starts nothing.",
    how="the bad values that a browser can type, each typed into the Build page",
    control="the same page with the preset's own values shows no problem",
)
def test_values_typed_into_the_form_are_told_there(
    full: bool, open_page: Callable[..., AppTest], record_figure: Callable[[str], None]
) -> None:
    page = open_page("build")
    assert "lab-problem" not in "".join(element.proto.body for element in page.get("html"))
    typed = 0
    fitting = [(bad.named[0], bad.document) for bad in VALUES]
    wanted = [("train.milestones", "9" * 10_000), ("train.milestones", "1, \N{SUPERSCRIPT TWO}, ٣"), *SPOILERS]
    wanted += [(path, _value_at(document, path)) for path, document in fitting]
    for path, value in wanted if full else wanted[:6]:
        shown = by_widget(open_page("build", spec=OPEN_LINK), path, value)
        if shown is None:
            continue
        assert not shown.exception, shown.exception
        told = "".join(element.proto.body for element in shown.get("html"))
        assert 'class="lab-problem"' in told, (path, value)
        start = next(button for button in shown.button if button.label == "Start")
        assert start.disabled
        typed += 1
    assert typed >= (60 if full else 5)
    record_figure(f"{typed} values typed into the page, each told at its field")


# Everything in sight or folded that has a widget: step decay shows the milestones, a folder its path.
OPEN_LINK = pack('{"train": {"schedule": "step", "optimizer": "sgd"}, "model": {"attention": "se"}}')
SPOILERS = [
    ("train.epochs", 0),
    ("train.batch_size", 10**9),
    ("train.learning_rate", 0.0),
    ("model.layers[0].channels", 2**52),
    ("model.layers[1].filter_size", 4),
    ("model.layers[2].blocks", -1),
    ("model.pool_size", 256),
    ("data.image_size", 10**9),
    ("train.weight_decay", 1e300),
    ("train.seed", -1),
    ("augment.crop_padding", 64),
    ("train.decay_factor", 0.0),
]


def _value_at(document: dict[str, Any], path: str) -> Any:
    place, _, name = path.rpartition(".")
    if place.startswith("model.layers"):
        return document["model"]["layers"][int(place[-2])][name]
    return document[place][name]


FOLDERS = (
    "~nobody-of-this-name/x",
    "~\0",
    "a\0b",
    "/" + "a" * 900,
    "/" + "a/" * 450,
    "/",
    "/proc",
    "//host/share",
    "~",
)


@pytest.mark.promise(
    20,
    "A folder that is none is told at its field, however large it is.",
    how="paths that no file system takes, and the whole disk, as the data folder",
    control="listing everything below `/` takes longer than the limit",
)
def test_folders_that_are_none_name_the_field(meter: Meter, record_figure: Callable[[str], None]) -> None:
    for folder in FOLDERS:
        bad = at("data.folder", folder, data__dataset="folder")
        problems = meter.measure(lambda bad=bad: by_form(bad))
        assert problems, folder
        assert_named(problems, ("data.folder",), "form") if "\0" not in folder else None
    record_figure(f"{len(FOLDERS)} folders, {meter}")


def test_the_command_line_ends_with_a_sentence_and_status_2(full: bool) -> None:
    bad_specs = [bad for bad in HAND_MADE if bad.settings][:: 1 if full else 4]
    for bad in bad_specs:
        sets = [part for setting in bad.settings for part in ("--set", setting)]
        result = CliRunner().invoke(app, ["spec", *sets])
        assert result.exit_code == 2, (bad.named, result.output)
        assert bad.named[0] in result.output
        assert "Traceback" not in result.output


def test_pydantic_alone_takes_long_and_zlib_alone_fills_the_memory(meter: Meter) -> None:
    fields = ",".join(f'"x{number}": 0' for number in range(200_000))
    began = time.process_time()
    with pytest.raises(ValidationError) as caught:
        RunSpec.model_validate_json('{"train": {' + fields + "}}")
    str(caught.value)
    assert time.process_time() - began > LIMIT_SECONDS
    bomb = pack(b" " * 50_000_000)
    meter.weigh(lambda: refusal_of(lambda: from_link(bomb)))
    assert meter.peak_bytes < LIMIT_BYTES
    meter.weigh(lambda: zlib.decompress(base64.urlsafe_b64decode(bomb + "=" * (-len(bomb) % 4))))
    assert meter.peak_bytes > LIMIT_BYTES
