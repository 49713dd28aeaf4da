"""A Slurm of two nodes on one machine: each in a network namespace of its own, joined by a bridge without a way out.

Debian's: `apt-get install slurm-wlm munge`. Needs root, and a module marked `pytest.mark.isolated`, in whose namespaces
it all ends. The tests' process is the host where jobs are submitted, at 10.77.0.1; nodes are at .2 and .3.
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

HEAD = "10.77.0.1"
NODES = {"lab-w1": "10.77.0.2", "lab-w2": "10.77.0.3"}
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
        self._make_network()
        self._write_files()
        munge = ["munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key"]
        places = {"socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log", "seed-file": "seed"}
        self._spawn([*munge, *(f"--{name}={self.folder}/{file}" for name, file in places.items())])
        wait_until((self.folder / "munge.socket").exists, 10, "munged")
        self._spawn(self._named(CONTROLLER, "slurmctld", "-D"))
        for name in NODES:
            self._spawn([*_enter(name), *self._named(name, "slurmd", "-D", "-N", name)])
        wait_until(lambda: self.ask("sinfo", "-h", "-o", "%T %D").strip() == "idle 2", 60, "Slurm's nodes")

    def _make_network(self) -> None:
        """A bridge here, and for each node a namespace with a card on it."""
        _run("mount", "-t", "tmpfs", "tmpfs", "/run")
        _run("ip", "link", "add", "br0", "type", "bridge")
        _run("ip", "addr", "add", f"{HEAD}/24", "dev", "br0")
        _run("ip", "link", "set", "br0", "up")
        for name, address in NODES.items():
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
            _run("ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _run("ip", "link", "set", f"v-{name}", "master", "br0", "up")
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")

    def _write_files(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "state").mkdir()
        lines, gres = [], []
        for name, address in NODES.items():
            lines.append(f"NodeName={name} NodeAddr={address} CPUs=1 RealMemory=2000 Gres=gpu:made-up:1 State=UNKNOWN")
            (self.folder / f"gpu-{name}").touch()
            gres.append(f"NodeName={name} Name=gpu Type=made-up File={self.folder}/gpu-{name}\n")
        conf = CONF.format(controller=CONTROLLER, head=HEAD, folder=self.folder, nodes="\n".join(lines))
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "gres.conf").write_text("".join(gres))

    def _named(self, host: str, *command: str) -> list[str]:
        """The command on a host of this name."""
        return ["unshare", "--uts", "bash", "-c", f'hostname {host}; exec "$@"', "_", *command]

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


def _enter(name: str) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{name}"]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30)


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
    missing = [name for name in ("munged", "slurmctld", "slurmd", "ip") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed (apt-get install slurm-wlm munge iproute2)")
    if os.geteuid() != 0:
        pytest.skip("Slurm's nodes need network namespaces of their own, and so root")
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
