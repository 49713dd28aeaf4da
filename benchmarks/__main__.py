"""`python -m benchmarks [NAME ...]`: runs the benchmarks, each in its own process, then prints one table of all."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.machine import RESULTS
from benchmarks.summary import print_summary

# Training is named first: what it measures is most hurt by what a benchmark before it leaves running.
COMMANDS = {
    "throughput": ["benchmarks.throughput", "--keep"],
    "roofline": ["benchmarks.roofline"],
    "side-by-side": ["benchmarks.side_by_side"],
    "first-step": ["benchmarks.first_step"],
    "pages": ["benchmarks.pages"],
    "lists": ["benchmarks.lists"],
    "compare": ["benchmarks.compare"],
    "examine": ["benchmarks.examine"],
    "data-page": ["benchmarks.data_page"],
    "answers": ["benchmarks.answers"],
    "studies": ["benchmarks.studies"],
    "study-page": ["benchmarks.study_page"],
    "peers": ["benchmarks.peers"],
    "page-cost": ["benchmarks.page_cost"],
    "importance": ["benchmarks.importance"],
    "pruners": ["benchmarks.pruners"],
    "imports": ["benchmarks.imports"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMMANDS))
    names = parser.parse_args().names or list(COMMANDS)
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"{', '.join(sorted(unknown))}: no benchmark; there are {', '.join(COMMANDS)}")
    RESULTS.mkdir(exist_ok=True)
    failed = [name for name in names if subprocess.run([sys.executable, "-m", *COMMANDS[name]], check=False).returncode]
    print_summary()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
