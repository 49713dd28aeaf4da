"""A pilot job: an allocation of Slurm that joins the cluster as a node for as long as it lasts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.cluster.access import ClusterError, cluster_folder, token_path
from core.cluster.here import read_here
from core.system.folders import PROJECT

# As sbatch(1) takes it: minutes, m:s, h:m:s, days-h, days-h:m, days-h:m:s.
_TIME = re.compile(r"\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")
_NAMES = re.compile(r"[A-Za-z0-9][\w.,-]*")
MAX_NODES = 1000
SUBMIT_SECONDS = 60
ENDING_SECONDS = 60  # before its time is over an allocation is told, and its runs move

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=resnet-lab
#SBATCH --array=1-{nodes}
#SBATCH --nodes=1
#SBATCH --ntasks=1
{asked}#SBATCH --time={time}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@{ending}
#SBATCH --output={log}/slurm-%A_%a.txt
# Each task of the array joins the lab's cluster as one node, and leaves it when its time is over.
set -eu
cd {project}
# What this node keeps is its own: the runs stay on the head.
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
export RESNET_LAB_RUNS=$own
{python} -m core cluster join {address} --token-file {token} --cpus "${{SLURM_CPUS_ON_NODE:-1}}" --gpus {gpus} --block &
trap 'kill -TERM $!' TERM
wait $! || wait $!
"""


@dataclass(frozen=True)
class Pilot:
    """What is asked of Slurm: so many nodes, each with so many GPUs and CPUs, for a time as sbatch takes it."""

    nodes: int
    gpus: int
    time: str
    cpus: int = 1
    partition: str = ""

    def check(self) -> None:
        """Raises ClusterError with a sentence that names the option."""
        if not 1 <= self.nodes <= MAX_NODES:
            raise ClusterError(f"--nodes {self.nodes}: must be from 1 to {MAX_NODES}.")
        if self.gpus < 0 or self.cpus < 1:
            raise ClusterError("--gpus must be 0 or more, --cpus 1 or more.")
        if not _TIME.fullmatch(self.time):
            raise ClusterError(f"--time {self.time}: write it as 4:00:00 or 1-12:00:00.")
        if self.partition and not _NAMES.fullmatch(self.partition):
            raise ClusterError(f"--partition {self.partition}: must be a name as `sinfo` shows it.")


def write_script(runs: Path, pilot: Pilot) -> str:
    """The batch script. It names the token by its file, never its value. Raises ClusterError."""
    pilot.check()
    here = read_here(runs)
    if not here or not here.is_head or not here.is_kept():
        raise ClusterError("No cluster runs here that a job could join. Start it first: python -m core cluster up")
    asked = [f"--cpus-per-task={pilot.cpus}"]
    asked += [f"--gres=gpu:{pilot.gpus}"] if pilot.gpus else []
    asked += [f"--partition={pilot.partition}"] if pilot.partition else []
    log = str(cluster_folder(runs))
    if re.search(r"[\s%\\]", log):
        raise ClusterError(f"Slurm takes no such name for the folder of its output: {log}")
    return SCRIPT.format(
        nodes=pilot.nodes,
        asked="".join(f"#SBATCH {line}\n" for line in asked),
        time=pilot.time,
        ending=ENDING_SECONDS,
        log=log,
        project=shlex.quote(str(PROJECT)),
        python=shlex.quote(sys.executable),
        address=here.address,
        token=shlex.quote(str(token_path(runs))),
        gpus=pilot.gpus,
    )


def submit(script: str) -> str:
    """Hands the script to Slurm; returns the id of the job. Raises ClusterError with Slurm's own words."""
    try:
        done = subprocess.run(  # nosec B607 - Slurm is elsewhere on every system
            ["sbatch", "--parsable"], input=script, capture_output=True, text=True, timeout=SUBMIT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ClusterError("There is no `sbatch` on this machine. Run this where jobs are submitted.") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"Slurm did not answer within {SUBMIT_SECONDS} s.") from None
    if done.returncode:
        raise ClusterError(f"Slurm refused: {done.stderr.strip() or 'it gave no reason'}")
    return done.stdout.strip().partition(";")[0]  # the name of a cluster may follow
