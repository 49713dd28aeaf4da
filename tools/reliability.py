"""Writes docs/RELIABILITY.md from the figures of the last full runs: `python -m tools.reliability`.

Full runs do so themselves at their end; by hand it is only needed after a change of the words here.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from core.system.folders import PROJECT
from tests.figures import read_figures

PAGE = PROJECT / "docs" / "RELIABILITY.md"

PARTS = {
    "Durability": range(1, 10),
    "State": range(10, 15),
    "Load": range(15, 16),
    "Security": range(16, 23),
    "Many machines": range(23, 30),
}
ITEMS = {
    1: "Killed at any moment",
    2: "Told to end",
    3: "A write, fsync or rename that fails",
    4: "A full disk",
    5: "Damaged checkpoints",
    6: "Half-written metrics",
    7: "Figures that are not finite",
    8: "Out of memory",
    9: "Downloads of data sets",
    10: "The server away",
    11: "Processes, reboots and clocks",
    12: "Starts and slots",
    13: "Many hands in one folder",
    14: "Studies",
    15: "Many runs, many watchers",
    16: "Doors",
    17: "Sign-in",
    18: "Paths and archives",
    19: "Hostile text",
    20: "Bad specs",
    21: "Errors in a page",
    22: "Known weaknesses of libraries",
    23: "Who joins a cluster",
    24: "Versions that differ",
    25: "Nodes that are lost",
    26: "Leaving a cluster",
    27: "Runs on a cluster",
    28: "Studies on a cluster",
    29: "Nodes from Slurm",
}
INTRODUCTION = """\
# Reliability

What this lab promises, how each promise is tested, and what the last full test measured. Each test injects the failure
itself and stands in `tests/faults`, `tests/load`, `tests/security` or `tests/cluster`; beside it stands a control: the
same attack on code without the guard, which must do harm, or else the test could not fail.

`make test` runs all of them in a short form, but those on a real cluster: these by `make test-cluster-quick`. The full
forms: `make test-faults`, `make test-load`, `make test-security`, `make test-cluster`. They write
`benchmarks/results/reliability.json`, and this page is written from it by `python -m tools.reliability`.

## How a run ends

- Stop on a page, `python -m core stop`, Ctrl+C in `python -m core train` or at a worker in the foreground: stopped,
  with a checkpoint of its step. It goes on by Resume.
- SIGTERM, where nobody asked for a stop (a shutdown, a service manager, a preempted or expired Slurm job): interrupted,
  with a checkpoint of its step, and its page says by what. It goes on by Resume, or where `python -m core.worker ID` is
  started again, as a requeued job does.
- `kill -9`, a power cut, no memory left: interrupted, with the checkpoint of its last epoch. It goes on in the same
  ways.
- The page server ends, the browser or the terminal is closed: it trains on.

A trial of a study that ends with its worker by SIGTERM is neither failed nor stopped: it waits, and goes on from its
checkpoint with the next worker.

A runs folder may be shared by several machines if its file locks are. Where each machine has locks of its own (NFS
with `nolock` or `local_lock`, Lustre with `localflock`, CIFS with `nobrl`, sshfs) it is refused. Where the file system
does not say so, a worker's signs of life, every ten seconds, still tell another machine that the run is held.
"""


def render(figures: list[dict[str, Any]]) -> str:
    """The page, as Markdown."""
    parts = [INTRODUCTION]
    for part, items in PARTS.items():
        tested = [entry for entry in figures if entry["item"] in items]
        if not tested:
            continue
        parts.append(f"## {part}\n")
        for item, entries in groupby(tested, key=lambda entry: int(entry["item"])):
            parts.append(f"### {item}. {ITEMS[item]}\n")
            parts.append(_table(list(entries)))
    machines = sorted({entry["machine"] for entry in figures})
    if machines:
        parts.append(f"Measured on: {'; '.join(machines)}.\n")
    return "\n".join(parts)


def _table(entries: list[dict[str, Any]]) -> str:
    """A row for each promise; tests that share one share its row."""
    lines = ["| promise | how it is tested | control | last result |", "| --- | --- | --- | --- |"]
    rows: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        outcome = "" if entry["outcome"] == "passed" else f"**{entry['outcome']}** "
        result = f"{outcome}{entry['result']} ({entry['date']})"
        rows.setdefault((entry["promise"], entry["how"], entry["control"]), []).append(result)
    for words, results in rows.items():
        cells = [*words, "; ".join(results)]
        lines.append(f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def write_page() -> None:
    PAGE.write_text(render(read_figures()))


if __name__ == "__main__":
    write_page()
