"""The one process that a cluster has on each machine: it keeps Ray going there, and on the head the agent.

`python -m core.cluster.keeper` reads from `.cluster/here.json` what this machine is. It starts Ray, starts it again
when it ends (a node that was cut off does not come back by itself), and ends all of it on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from core.cluster.access import ClusterError, ray_environment
from core.cluster.here import MARK, Here, answers, find_own, kill_all, read_here
from core.launch.environment import allocator_environment
from core.machine.versions import fit_name
from core.system.child import spawn
from core.system.folders import runs_folder

# A node is asked for a sign of life every second and is lost after three without one, as is a head by its nodes:
# measured, a cut cable is known after 13 s, by Ray's own settings after 65 s.
HEALTH = {
    "health_check_initial_delay_ms": 5000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
    "gcs_rpc_server_reconnect_timeout_s": 20,
}
PLACES = 1000  # of the resource that names the versions: a run asks a thousandth of one
START_SECONDS = 20.0  # who ends sooner, with an error, for the first time, was started wrongly
STEADY_SECONDS, LONGEST_PAUSE = 60.0, 30.0
ENDING_SECONDS = 10.0
LAST_HEAD = "ray_current_cluster"  # in Ray's folder


def ray_command(here: Here) -> list[str]:
    """The arguments by which Ray starts on this machine and stays in the foreground."""
    host, _, port = here.address.rpartition(":")
    if here.is_head:
        place = ["--head", f"--port={port}", f"--system-config={json.dumps(HEALTH)}"]
        # Its door for clients from elsewhere cannot be left out; at its usual port it would meet that of another Ray.
        place += [
            "--include-dashboard=false",
            "--no-monitor",
            f"--ray-client-server-port={find_free_port(here.own_address)}",
        ]
    else:
        place = [f"--address={host}:{port}"]
    return [
        "ray.scripts.scripts",
        "start",
        *place,
        f"--node-ip-address={here.own_address}",
        f"--num-cpus={here.cpus}",
        f"--num-gpus={here.gpus}",
        f"--resources={json.dumps({fit_name(): PLACES})}",
        f"--temp-dir={here.folder}",
        "--include-log-monitor=false",  # what a run prints comes by its own way
        "--disable-usage-stats",
        "--block",
    ]


def find_free_port(address: str) -> int:
    """One that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class Keeper:
    """Ray on this machine, and on the head its agent, until `stop` is set."""

    def __init__(self, here: Here, runs: Path) -> None:
        self.here, self.runs = here, runs
        marks = {MARK: str(runs), "RESNET_LAB_RUNS": str(runs)}
        # Ray's processes that train are children of what is started here, and do so in a thread beside their first.
        self.environment = ray_environment(runs) | allocator_environment(one_arena=True) | marks
        self.stop = threading.Event()

    def keep(self) -> int:
        """Returns once `stop` is set and nothing of Ray is left here, or with Ray's status if it never came to be."""
        pause, lives = 1.0, 0
        while not self.stop.is_set():
            started = time.monotonic()
            status = self._live_once()
            lasted = time.monotonic() - started
            lives += 1
            if lives == 1 and status > 0 and lasted < START_SECONDS and not self.stop.is_set():
                return status
            if lasted > STEADY_SECONDS:
                pause = 1.0
            if not self.stop.wait(pause):
                print("Ray ended; it is started again.", flush=True)
            pause = min(2 * pause, LONGEST_PAUSE)
        return 0

    def _live_once(self) -> int:
        """Starts Ray, and returns its status when it has ended; what is left of it goes with it."""
        folder = Path(self.here.folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Ray knows its last head by this, and refuses to start while any process here names its address: a node's does.
        (folder / LAST_HEAD).unlink(missing_ok=True)
        ray = self._start(ray_command(self.here))
        agent: subprocess.Popen[bytes] | None = None
        try:
            while ray.poll() is None and not self.stop.wait(0.5):
                # Before somebody listens, an agent would load Ray in vain.
                if self.here.is_head and (agent is None or agent.poll() is not None) and answers(self.here.address):
                    agent = self._start(["core.cluster.agent", self.here.address])
                    self.stop.wait(1.0)
        finally:
            for process in filter(None, (agent, ray)):
                with suppress(OSError):
                    process.terminate()
            with suppress(subprocess.TimeoutExpired):
                ray.wait(ENDING_SECONDS)
            kill_all(find_own(self.runs, but=os.getpid()))
            for process in filter(None, (agent, ray)):
                process.wait()
        return ray.returncode

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return spawn(command, self.environment, stdin=subprocess.DEVNULL)


def main() -> int:
    runs = runs_folder()
    here = read_here(runs)
    if here is None:
        print("This machine is in no cluster.", flush=True)
        return 1
    try:
        keeper = Keeper(here, runs)
    except ClusterError as error:
        print(error, flush=True)
        return 1

    def end(number: int, frame: FrameType | None) -> None:
        keeper.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return keeper.keep()


if __name__ == "__main__":
    sys.exit(main())
