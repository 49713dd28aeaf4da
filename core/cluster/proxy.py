"""Keeps one run that a node trains: holds its lock and writes its folder, from the queue to its end.

`python -m core.cluster.proxy RUN_ID`, in place of `core.worker`. It loads neither torch nor Ray, so it goes on where
Ray's own processes end: a node that is lost, or the whole cluster, sends the run back into the queue, and from its last
checkpoint it goes on in another place.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from core.machine import places, queue
from core.machine.nodes import read_cluster
from core.runs import layout
from core.runs.ends import log
from core.runs.place import read_place, write_place
from core.system import files
from core.system.errors import LabError
from core.worker.run import PlaceLostError, hold_run
from core.worker.stop import POLL_SECONDS, StopSignal

TYPE_CHECKING = False  # `typing` would cost every waiting process memory.
if TYPE_CHECKING:
    from core.cluster.events import Need
    from core.cluster.stream import NodeStream
    from core.runs.records import Move, PlaceRecord
    from core.worker.driving import AfterEpoch

LOSSES = 3  # of its process on a node in a row, with no epoch between, after which a run has failed ...
NODE_LOSSES = 10  # ... and of whole nodes, which may come and go: a training hardly ever takes a machine with it
PAUSE_SECONDS = 1.0  # after a loss: the agent is about to notice it too


class NodesLostError(LabError):
    """A run lost one node after the other; it may be the run itself that ends them."""

    kind = "node"


class Proxy:
    """What is known of a run from one place to the next.

    `keeps` leaves the process on the node to the next run of the same needs, as a study's trials follow each other.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self.keeps = keeps
        self.stream: NodeStream | None = None
        self.begin()

    def begin(self) -> None:
        """Another run."""
        self.queued_ns = 0  # since when it waits, also after it lost its place
        self.losses, self.node_losses, self.epoch = 0, 0, -1

    def wait(self, runs: Path, folder: Path, stop: StopSignal) -> queue.Slot | None:
        """A place on the cluster; None if the run was stopped first."""
        device = str(files.read_json(folder / layout.SPEC).get("train", {}).get("device", "auto"))
        priority = int((files.find_json(folder / layout.ABOUT) or {}).get("priority") or 0)
        self.queued_ns = queue.enqueue(runs, folder.name, places.ask_for(device), priority, self.queued_ns)
        said, since = "", time.monotonic()
        while not stop.is_set():
            cluster = read_cluster(runs)
            if slot := queue.take_slot(runs, folder.name, places.list_kinds(cluster)):
                return slot
            if not folder.is_dir():
                raise FileNotFoundError
            if time.monotonic() - since > PAUSE_SECONDS:
                self.close()  # or whoever has the place in the queue would wait for it on the node
            said = _say_once(said, places.explain_never(cluster, device) or places.WAITING)
            time.sleep(POLL_SECONDS)
        return None

    def train(
        self, folder: Path, kind: str, stop: StopSignal, *, after_epoch: AfterEpoch | None = None, untested: str = ""
    ) -> int:
        """Trains the run on some node. Raises PlaceLostError, NodesLostError."""
        from core.cluster.access import ClusterError
        from core.cluster.link import Link

        link = None
        if self.stream is None:
            with suppress(ClusterError):  # the stream finds out whether the cluster has gone meanwhile
                # Ray takes a second to load: meanwhile this process loads what it needs itself.
                link = Link(folder.parent)
        from core.cluster.stream import NodeStream, train_on_node

        place = read_place(folder) or {}
        need = settle_need(folder, kind, place)
        write_place(folder, place)
        if self.stream is None or self.stream.need != need:
            self.close()
            self.stream = NodeStream(folder.parent, folder.name, need, link)
        try:
            return train_on_node(folder, self.stream, stop, after_epoch=after_epoch, untested=untested)
        except PlaceLostError as error:
            self._note_loss(folder, self.stream, str(error))
            raise
        finally:
            if not (self.keeps and self.stream.settle()):
                self.close()

    def close(self) -> None:
        """Ends what works on the node."""
        if self.stream:
            self.stream.close()
        self.stream = None

    def _note_loss(self, folder: Path, stream: NodeStream, reason: str) -> None:
        """Raises NodesLostError where it is one too many."""
        from core.cluster.events import GONE
        from core.runs.folder import Run

        done = max((checkpoint.epoch for checkpoint in Run(folder).checkpoints()), default=0)
        if done != self.epoch or stream.drained or stream.lost != stream.node:
            self.losses = self.node_losses = 0  # it got on, or no node ended, so it was nothing that the run did
        self.epoch = done
        if not stream.drained and stream.lost == stream.node:
            self.losses += stream.reason != GONE
            self.node_losses += stream.reason == GONE
        if stream.node:
            place = read_place(folder) or {}
            move: Move = {"node": stream.lost, "reason": stream.reason, "epoch": done, "time": time.time()}
            write_place(folder, {**place, "moves": [*(place.get("moves") or []), move]})
        if self.losses >= LOSSES or self.node_losses >= NODE_LOSSES:
            what = f"Its process was lost {LOSSES} times" if self.losses >= LOSSES else f"{NODE_LOSSES} nodes were lost"
            raise NodesLostError(f"{what} in a row, without an epoch between. The last: {reason}")
        time.sleep(PAUSE_SECONDS)


def settle_need(folder: Path, kind: str, place: PlaceRecord) -> Need:
    """What the run asks of a node, the same as before wherever it goes on; noted in `place` the first time.

    Where no node has so many CPUs any more, it asks for what there is, and the engine says what that changes.
    """
    from core.cluster.events import Need

    cpus, gpus, threads = places.work_out_need(folder.parent, kind)
    known = place.get("threads")
    if kind == places.CPU and known:
        most = max((node.cpus for node in places.find_nodes(read_cluster(folder.parent))), default=0.0)
        cpus, threads = (float(known), known) if most >= known else (cpus, known)
    place |= {"cpus": cpus, "gpus": gpus, "threads": threads}
    return Need(cpus, gpus, threads)


def _say_once(before: str, now: str) -> str:
    if now != before:
        log(now)
    return now


def main(run_id: str) -> int:
    """As `hold_run`, on a node of the cluster."""
    proxy = Proxy()
    return hold_run(run_id, proxy.train, proxy.wait)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
