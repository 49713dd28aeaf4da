"""A Slurm of two nodes on one machine, each a host on a cable; jobs are submitted where the tests' process is.

Debian's: `apt-get install slurm-wlm munge`. Needs root, and a module marked `pytest.mark.isolated`, in whose namespaces
it all ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cabled import HERE, Host, lay_cables, named

NODES = ("lab-w1", "lab-w2")
CONTROLLER = "lab-h"

CONF = """\
ClusterName=lab
SlurmctldHost={controller}({head})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2,requeue_delay=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdTimeout=15
SlurmctldTimeout=10
KillWait=10
MinJobAge=60
GresTypes=gpu
{nodes}
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """`submit` and the rest of Slurm's commands find it by SLURM_CONF, which `serve_slurm` sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        hosts = lay_cables(*NODES)
        self._write_files(hosts)
        munge = ["munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key"]
        places = {"socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log", "seed-file": "seed"}
        self._spawn([*munge, *(f"--{name}={self.folder}/{file}" for name, file in places.items())])
        wait_until((self.folder / "munge.socket").exists, 10, "munged")
        self._spawn([*named(CONTROLLER), "slurmctld", "-D"])
        for host in hosts:
            self._spawn([*host.enter, "slurmd", "-D", "-N", host.name])
        wait_until(lambda: self.ask("sinfo", "-h", "-o", "%T %D").strip() == "idle 2", 60, "Slurm's nodes")

    def _write_files(self, hosts: list[Host]) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "state").mkdir()
        lines, gres = [], []
        for host in hosts:
            place = f"NodeName={host.name} NodeAddr={host.address}"
            lines.append(f"{place} CPUs=1 RealMemory=2000 Gres=gpu:made-up:1 State=UNKNOWN")
            (self.folder / f"gpu-{host.name}").touch()
            gres.append(f"NodeName={host.name} Name=gpu Type=made-up File={self.folder}/gpu-{host.name}\n")
        conf = CONF.format(controller=CONTROLLER, head=HERE, folder=self.folder, nodes="\n".join(lines))
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "gres.conf").write_text("".join(gres))

    def _spawn(self, command: list[str]) -> None:
        with open(self.folder / "output.txt", "ab") as output:
            self.processes.append(subprocess.Popen(command, stdout=output, stderr=output))

    def ask(self, *command: str) -> str:
        """What a command of Slurm's prints."""
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def jobs(self) -> list[str]:
        """State and node of each job or task that Slurm knows."""
        return self.ask("squeue", "-h", "-r", "-o", "%T %N").splitlines()

    def tell(self) -> str:
        """All logs, for a test that failed."""
        files = sorted([*self.folder.glob("*.log"), *self.folder.glob("output.txt"), *self.folder.glob("slurm-*.txt")])
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in files)


def wait_until(holds: object, seconds: float, what: str) -> None:
    """Waits for a condition; fails naming what was waited for."""
    assert callable(holds)
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


@contextmanager
def serve_slurm(folder: Path) -> Iterator[Slurm]:
    """Slurm with two idle nodes; the test is skipped where it is not installed, or this is not root."""
    missing = [name for name in ("munged", "slurmctld", "slurmd") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed (apt-get install slurm-wlm munge)")
    slurm = Slurm(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            slurm.start()
            yield slurm
        except BaseException:
            print(slurm.tell())
            raise
        finally:
            for process in reversed(slurm.processes):
                process.terminate()
