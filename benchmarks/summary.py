"""One table over all that was measured: ours, what it is held against, the ratio, and the ceiling or limit.

It reads `benchmarks/results/`, so every line can be traced to a file with its machine and date; what has no file says
so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import RESULTS, read_result
from benchmarks.presets import REPORT_ACCURACY, tell

NOT_MEASURED = "not measured"
Row = tuple[str, str, str, str, str]


def print_summary(results: Path = RESULTS) -> None:
    table = Table(title="What was measured", caption="each line from its file in benchmarks/results/")
    table.add_column("what")
    for heading in ("ours", "against", "ratio", "ceiling or limit"):
        table.add_column(heading, justify="right")
    for row in list_rows(results):
        table.add_row(*row)
    Console().print(table)


def list_rows(results: Path) -> Iterator[Row]:
    """What, ours, against, ratio, ceiling or limit; a line for everything that could be measured."""
    yield from _throughput("CPU", read_result("throughput-cpu", results), (16, 128))
    yield from _throughput("GPU", read_result("throughput-cuda", results), (16, 512))
    for device in ("CPU", "GPU"):
        yield from _side_by_side(device, read_result("side-by-side-" + {"CPU": "cpu", "GPU": "cuda"}[device], results))
    for name, preset in (read_result("presets", results) or {"presets": {}})["presets"].items():
        for what, key in (("test accuracy", "test_accuracy"), ("with test views", "test_accuracy_views")):
            if preset[key]:
                yield f"{name}, {what}", tell(preset[key]), f"{100 * REPORT_ACCURACY:.3f} %", "", ""
    for figures in (read_result("first-step", results) or {"specs": []})["specs"]:
        ways = (("prepared_start", "after shaping"), ("start", "pressed at once"), ("alone_start", "no worker waits"))
        for key, when in ways:
            what = f"Start to first step, {figures['images']}, {when}"
            yield what, _seconds(figures[f"{key}_seconds"]), "", "", _seconds(figures["limit_seconds"])
        data = f"images at the second start, {figures['images']}"
        yield data, _seconds(figures["data_seconds"]), "", "", _seconds(figures["data_limit_seconds"])
    if pages := read_result("pages", results):
        slowest = max(page["p95_ms"] for page in pages["reruns"]["1000"].values())
        yield "slowest page with 1,000 runs, p95", f"{slowest:.0f} ms", "", "", ""
    if lists := read_result("lists", results):
        limits, many = lists["limits"], lists["10000"]
        yield "1,000 runs listed, cold", _seconds(lists["1000"]["seconds"]), "", "", _seconds(limits["seconds_1000"])
        for key, what in (("rows_ms", "rows after the server's answer"), ("filter_ms", "a filter")):
            yield f"10,000 runs, {what}", f"{many[key]:.0f} ms", "", "", f"{limits[key]} ms"
    if compare := read_result("compare", results):
        for part in ("server_all_grew", "browser"):
            median, limit = compare[f"{part}_ms"]["median"], compare["limits_ms"][part]
            yield f"Compare, 50 runs, {part.replace('_', ' ')}", f"{median:.0f} ms", "", "", f"{limit} ms"
    if examine := read_result("examine", results):
        for part in ("first_answer", "next_answer"):
            key = "first_answer_ms" if part == "first_answer" else "next_image_ms"
            slowest = max(
                examine[images][key]["median"] for images in ("digits", "folder_of_60000") if images in examine
            )
            limit = examine["limits_ms"][part]
            yield f"Examine, {part.replace('_', ' ')}", f"{slowest:.0f} ms", "", "", f"{limit} ms"
    if page := read_result("data-page", results):
        bare, fresh = (page[what]["seconds"] for what in ("bare_page", "fresh_browser"))
        against = (_seconds(fresh), _seconds(bare), f"{fresh / bare:.2f}", "")
        yield "Data, first images in a fresh browser, against a bare page", *against
        for what, key, limit in (("a click", "click_on_data", "first_screen"), ("Next", "next_page", "next_page")):
            limit_seconds = _seconds(page["limits"][f"{limit}_seconds"])
            yield f"Data, images after {what}", _seconds(page[key]["seconds"]), "", "", limit_seconds
    if answers := read_result("answers", results):
        for kind in ("array", "zip_of_png"):
            what = f"{answers['images']:,} own images by report-beaten, {kind.replace('_', ' ')}"
            yield f"{what}, processor time of one thread", _seconds(answers[kind]["processor_seconds"]), "", "", ""
            if passed := answers[kind].get("all_cores_seconds"):
                yield f"{what}, on all cores", _seconds(passed), "", "", _seconds(answers["limit_seconds"])
    for study in (read_result("studies", results) or {"studies": []})["studies"]:
        what = f"a study's own time a trial, {study['earlier_trials']:,} before"
        yield what, _seconds(study["overhead_seconds"]), "", "", "0.30 s"
    if peers := read_result("peers", results):
        if curves := peers.get("curves"):
            yield from _beside("50 runs of 500 epochs, TensorBoard", curves, "tensorboard")
        if delay := peers.get("epoch_delay"):
            yield "an epoch's line to its drawn point, p95", f"{delay['p95_ms']:.0f} ms", "", "", "500 ms"
        for study in peers["studies"]:
            for plot, figures in study["figures"].items():
                what = f"{plot}, {study['trials']:,} trials, optuna-dashboard"
                yield from _beside(what, figures, "optuna_dashboard")


def _throughput(device: str, found: dict[str, Any] | None, batch_sizes: tuple[int, ...]) -> Iterator[Row]:
    """Images a second of both loops; a line for each batch size also where nobody measured it."""
    rows = {row["batch_size"]: row for row in (found or {"results": []})["results"]}
    for size in sorted({*batch_sizes, *rows}):
        what = f"training on {device}, batch {size}, images/s"
        if size not in rows:
            yield what, NOT_MEASURED, NOT_MEASURED, "", ""
            continue
        row, rate = rows[size], rows[size]["rate"]
        ceiling = f"{row['ceiling']:,.0f} ({row['of_ceiling']:.0%} of it)"
        yield what, f"{rate['engine']:,.1f}", f"{rate['plain']:,.1f}", f"{rate['ratio']:.2f}", ceiling


def _side_by_side(device: str, found: dict[str, Any] | None) -> Iterator[Row]:
    """The number of runs at once that trains fastest, against one after another."""
    what = f"small runs at once on {device}, images/s of all"
    if found is None:
        yield what, NOT_MEASURED, NOT_MEASURED, "", ""
        return
    alone, *others = found["runs"]
    best = max(others, key=lambda row: row["rate"])
    yield f"{what}, best: {best['runs']}", f"{best['rate']:,.1f}", f"{alone['rate']:,.1f}", f"{best['ratio']:.2f}", ""


def _beside(what: str, figures: dict[str, Any], peer: str) -> Iterator[Row]:
    """A page of ours and the peer's, by a browser that knows nothing yet and by one that was there before."""
    for state in ("cold", "warm"):
        ours, theirs = (figures[way][f"{state}_seconds"] for way in ("ours", peer))
        yield f"{what}, {state}", _seconds(ours), _seconds(theirs), f"{ours / theirs:.2f}", ""


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


if __name__ == "__main__":
    print_summary()
