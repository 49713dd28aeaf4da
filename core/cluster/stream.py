"""A node's stream as the source of a run's events: what the node sends becomes the events of a local training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.cluster.events import (
    BLOB,
    Alive,
    Arrived,
    BlobError,
    Failed,
    Item,
    Line,
    Lost,
    Need,
    Opened,
    Task,
    Told,
    load_blob,
    save_blob,
)
from core.cluster.link import Link
from core.engine.events import Event, Finished, Started, Stopped
from core.machine.nodes import BEAT_SECONDS, read_cluster
from core.machine.versions import describe_versions, fit_name
from core.runs import layout
from core.runs.branches import read_branch
from core.runs.ends import log
from core.runs.folder import Run
from core.runs.place import DRAINED, read_place, tell_moves
from core.system import files
from core.system.awake import AwakeClock
from core.system.errors import LabError
from core.worker.driving import AfterEpoch, record_events
from core.worker.recorder import Recorder
from core.worker.run import PlaceLostError
from core.worker.stop import StopRequestedError, StopSignal

POLL_SECONDS = 0.3
STOP_SECONDS = 7.0  # for an engine that gives no answer to stop after its step, before its process is ended
STEP_SECONDS = 60.0  # for one that answers: its step may take long, and a large state has to travel
MUTE_SECONDS = 4.0  # without an answer, after which it gives none
SILENT_SECONDS = 20.0  # without an answer, after which the node's process hangs
LOADING_SECONDS = 120.0  # the same while it loads torch, in which it cannot answer: long from a cold or a busy disk
AWAY_SECONDS = 90.0  # the same for the process that speaks with Ray, which may take some time to begin
STILL_SECONDS = 60.0  # without an event, after which a training that answers may hang all the same ...
STILL_TIMES = 10  # ... if that is so many times as long as the longest pause so far
FIRST_SECONDS = 1800.0  # for the first event: images may have to be decoded, a network compiled


class NodeFailedError(LabError):
    """The training failed on its node, as it would on any."""

    def __init__(self, reason: str, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


class NodeUse:
    """What the training takes of its node, as that told last."""

    def __init__(self) -> None:
        self.now: dict[str, float] = {}
        self.epoch: dict[str, float] = {}

    def take(self, use: dict[str, float]) -> None:
        of_epoch = {key: value for key, value in use.items() if key.startswith("system/")}
        if of_epoch:
            self.epoch = of_epoch
        elif use:
            self.now = use

    def read(self) -> dict[str, float]:
        return self.now

    def read_epoch(self) -> dict[str, float]:
        return self.epoch


class NodeStream:
    """A place on the cluster, and what comes from there; `close` ends whatever works there."""

    def __init__(self, runs: Path, name: str, need: Need, link: Link | None = None) -> None:
        self.runs, self.name, self.need = runs, name, need
        self.use = NodeUse()
        self.node, self.node_id = "", ""  # the name of the node and what Ray calls it, once there is one
        self.drained = False  # it was left before it was lost
        self.lost, self.reason = "", ""  # what was lost, a node or the cluster, and how, as a phrase after its name
        self.clock = AwakeClock()  # whoever was suspended has not listened: no silence of the node's
        self.heard = self.clock()  # when anything came last
        self.answered: float | None = None  # when the node itself answered last
        self.busy = False  # with a task
        self.loaded = False  # what a training needs: the first one has opened its images
        self._link = link
        self._connection: Connection[Any, Any] | None = None  # of the link, once it knows what is asked for

    def begin(self, task: Task) -> None:
        """Has a task trained, in the place that there is or in a new one. Raises PlaceLostError."""
        if self._connection is None:
            self._open()
        self.busy, self.heard = True, self.clock()
        if self.answered is not None:
            self.answered = self.heard  # nobody listened since the last task
        self.send(task)

    def settle(self) -> bool:
        """Whether it can take another task: one that is still trained, but no longer of use, is stopped first."""
        if not self.busy or self._connection is None or self.reason:
            return self._connection is not None and not self.reason
        end = self.clock() + STOP_SECONDS
        try:
            self.send("stop")
            while self.busy and self.clock() < end:
                self.receive(POLL_SECONDS)
        except (PlaceLostError, NodeFailedError):
            return False
        return not self.busy

    def _open(self) -> None:
        """Asks for a place. Raises PlaceLostError where there is no cluster now."""
        cluster = read_cluster(self.runs)
        if cluster is None or cluster.is_stale():
            raise self.lose_cluster("was gone")
        line = Line(cluster.address, self.name, self.need, fit_name(), describe_versions())
        self._link = self._link or Link(self.runs)
        self._connection = self._link.connection
        self.heard = self.clock()
        self.send(line)

    def send(self, message: Any) -> None:
        """Raises PlaceLostError."""
        assert self._connection
        try:
            self._connection.send(message)
        except OSError as error:
            raise self.lose_cluster("was gone") from error

    def receive(self, seconds: float) -> Item | None:
        """What comes next; None if nothing does in time. Raises PlaceLostError, NodeFailedError."""
        assert self._connection
        try:
            item: Item | None = self._connection.recv() if self._connection.poll(seconds) else None
        except (EOFError, OSError) as error:
            # Ray ended the process: its head is gone.
            raise self.lose_cluster("was gone") from error
        now = self.clock()
        if item is None:
            self._look(now)
            return None
        self.heard = now
        match item:
            case Lost():
                raise self.lose(item.reason) if self.node else self.lose_cluster(item.reason)
            case Failed():
                self.busy = False
                if item.details:
                    log(item.details)
                raise NodeFailedError(item.reason, item.kind)
            case Alive() if item.use is None:
                self._look(now)
                return None
            case Alive():
                self.answered = now
                self.use.take(item.use or {})
                return None
            case Arrived():
                self.answered = now
                self.node, self.node_id = self._name_node(item), item.node
            case Opened():
                self.answered, self.loaded = now, True
            case Told(event=event):
                self.answered = now
                self.busy = not isinstance(event, Finished | Stopped)
        return item

    def _look(self, now: float) -> None:
        """Raises PlaceLostError where nothing answers any more."""
        if now - self.heard > AWAY_SECONDS:
            raise self.lose_cluster("does not answer")
        if self.answered is None:
            cluster = read_cluster(self.runs)
            if cluster is None or cluster.is_stale():
                raise self.lose_cluster("was gone")
        elif now - self.answered > (SILENT_SECONDS if self.loaded else LOADING_SECONDS):
            raise self.lose("hangs: its process gave no answer")

    def is_leaving(self) -> bool:
        """Whether its node is drained: it trains on for some time, and then it is gone."""
        cluster = read_cluster(self.runs)
        return any(node.id == self.node_id and node.leaving is not None for node in cluster.live) if cluster else False

    def leave(self) -> PlaceLostError:
        """Notes that the node was left with a checkpoint, before it went."""
        self.drained = True
        return self.lose(DRAINED)

    def is_mute(self, now: float) -> bool:
        """Whether the node has not answered for longer than it should take."""
        return self.answered is None or now - self.answered > MUTE_SECONDS

    def lose(self, reason: str) -> PlaceLostError:
        """Notes how the node was lost, as a phrase after its name."""
        return self._lose(self.node or "A node", reason)

    def lose_cluster(self, reason: str) -> PlaceLostError:
        """The same where it is more than the node."""
        return self._lose("The cluster", reason)

    def _lose(self, what: str, reason: str) -> PlaceLostError:
        self.lost, self.reason = what, reason
        return PlaceLostError(f"{what} {reason}.")

    def _name_node(self, arrived: Arrived) -> str:
        cluster = read_cluster(self.runs)
        named = [node.name for node in cluster.nodes if node.id == arrived.node] if cluster else []
        return next((name for name in named if name), arrived.host)

    def close(self) -> None:
        """Ends the process that goes between, which ends the one on the node."""
        if self._link:
            self._link.close()
        self._link = self._connection = None
        self.clock.end()


class NodeEngine:
    """One training on a node as a source of events."""

    def __init__(self, stream: NodeStream, recorder: Recorder, stop: StopSignal, notes: list[str]) -> None:
        self.stream, self.recorder, self.stop, self.notes = stream, recorder, stop, notes
        self.folder = recorder.run.path
        self.started: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.asked: float | None = None  # when the node was asked to stop
        self.moves, self.looked = False, 0.0  # to another node, and when it was last asked whether it has to
        self.last, self.longest = self.stream.clock(), 0.0  # the last event, the longest pause between two

    def events(self) -> Iterator[Event]:
        """Raises PlaceLostError, NodeFailedError; StopRequestedError if it was stopped otherwise than by the engine."""
        while True:
            self._heed_stop()
            self._heed_drain()
            item = self.stream.receive(POLL_SECONDS)
            match item:
                case Arrived():
                    self._arrive(item)
                case Opened():
                    self._open(item)
                case Told():
                    self._time(item.event)
                    self.stream.use.take(item.use)
                    self.facts = item.environment or self.facts
                    if self.moves and isinstance(item.event, Stopped) and not self.stop.is_set():
                        self.recorder.record(item.event)
                        raise self.stream.leave()
                    yield item.event
                case _:
                    self._look()

    def describe(self, event: Started) -> dict[str, Any]:
        notes = [*self.notes, *event.notes]
        return self.started | self.facts | {"node": self.stream.node, "notes": notes}

    def _arrive(self, item: Arrived) -> None:
        self.started = {
            "started": time.time(),
            "device": item.device,
            "pid": item.pid,
            "hostname": item.host,
            "node": self.stream.node,
        }
        files.write_json(self.folder / layout.ENVIRONMENT, self.started)
        log(f"Training on {self.stream.node}, process {item.pid}.")
        self.recorder.write_progress("loading", self.recorder.epoch, 0, 1)
        self.last = self.stream.clock()

    def _open(self, item: Opened) -> None:
        if item.counts:
            self.recorder.go_on(item.counts)
        moves = tell_moves(read_place(self.folder) or {}, self.stream.node)
        self.notes = [*moves, *self.notes, *item.notes]
        for note in self.notes:
            log(note)
        for fault in item.left_out:
            log(f"Left out: {fault}")
        for part, labels in item.labels.items():
            self.recorder.write_predictions(f"{part}_labels", labels)

    def _time(self, event: Event) -> None:
        now = self.stream.clock()
        if not isinstance(event, Started):  # whatever comes before it happens once
            self.longest = max(self.longest, now - self.last)
        self.last = now

    def _look(self) -> None:
        """A training may hang in a process that answers: on its device, say."""
        still = self.stream.clock() - self.last
        most = max(STILL_SECONDS, STILL_TIMES * self.longest) if self.longest else FIRST_SECONDS
        if self.stream.node and still > most:
            raise self.stream.lose(f"hangs: no progress for {still:.0f} s")

    def _heed_drain(self) -> None:
        """Has the node stop after its step, to go on elsewhere from just there."""
        now = self.stream.clock()
        if self.moves or not self.facts or now - self.looked < BEAT_SECONDS:
            return
        self.looked = now
        if self.stream.is_leaving():
            self.moves = True
            log(f"{self.stream.node} is drained: the training goes on elsewhere.")
            self.stream.send("stop")

    def _heed_stop(self) -> None:
        if not self.stop.is_set():
            return
        if not self.facts:
            raise StopRequestedError
        now = self.stream.clock()
        if self.asked is None:
            self.asked = now
            self.stream.send("stop")
        elif now - self.asked > (STOP_SECONDS if self.stream.is_mute(now) else STEP_SECONDS):
            raise StopRequestedError(
                f"Stopped at once, as {self.stream.node} did not answer. Resume goes on from the last checkpoint."
            )


def train_on_node(
    folder: Path, stream: NodeStream, stop: StopSignal, *, after_epoch: AfterEpoch | None = None, untested: str = ""
) -> int:
    """Trains a run on a node, from its newest checkpoint on, as `core.worker.local.train_on` does here.

    Raises PlaceLostError, after which the run can go on elsewhere.
    """
    run = Run(folder)
    recorder = Recorder(run, "cpu", save_blob, stream.use)
    state, notes = recorder.restore(load_blob, BlobError, counted=False)
    record = read_branch(folder) if recorder.is_at_root else None
    stream.begin(
        Task(
            run.spec.model_dump_json(),
            state[BLOB] if state else None,
            record["use"] if record else None,
            tuple(record.get("class_names", ())) if record else (),
            not untested,
        )
    )
    del state
    return record_events(NodeEngine(stream, recorder, stop, notes), recorder, stop, after_epoch, untested)
