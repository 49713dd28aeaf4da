"""The way to Ray, in a process of its own for each run; this module and `agent` alone import Ray.

`python -m core.cluster.driver DESCRIPTOR`: a socket to the process that keeps the run's folder. Ray ends such a process
from within, without an exception, when the head of the cluster is gone. So it holds nothing: whoever keeps the run sees
the socket close, and starts another.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    GetTimeoutError,
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from core.cluster.events import GONE, Alive, Failed, Item, Line, Lost, Task
from core.cluster.images import ImageKeeper, absolute_folder
from core.cluster.node import Trainer
from core.system.errors import LabError

NAMESPACE = "resnet-lab"
BEAT_SECONDS = 1.0
AHEAD = 4  # events that a training may be ahead of its recorder


class Keeper(ImageKeeper):
    """Owns the images that it put into Ray's store, for as long as the cluster is up."""

    def __init__(self) -> None:
        super().__init__(ray.put)

    def find_reference(self, spec: str) -> list[Any]:
        # In a list: Ray would answer with the images themselves otherwise, anew for each who asks.
        return [self.find(spec)]


class NodeTrainer(Trainer):
    """A trainer that knows on which node it is."""

    def arrive(self) -> str:
        """The id of its node."""
        return str(ray.get_runtime_context().get_node_id())


class Driver:
    """One actor on some node, and the socket to whoever keeps the run."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self.connection = connection
        self.sending = threading.Lock()
        self.tasks: SimpleQueue[Task] = SimpleQueue()
        self.actor: Any = None

    def send(self, item: Item) -> None:
        with self.sending:
            self.connection.send(item)

    def serve(self) -> None:
        """Follows one task after the other until the owner is gone."""
        line: Line = self.connection.recv()
        threading.Thread(target=self.listen, name="listen", daemon=True).start()
        threading.Thread(target=self.beat, name="beat", daemon=True).start()
        try:
            self.connect(line)
        except (RayError, OSError, RuntimeError) as error:
            self.send(Lost(f"does not answer at {line.address}: {_first_line(error)}"))
            return
        while True:
            self.follow(self.tasks.get())

    def connect(self, line: Line) -> None:
        """Asks for the place. Raises what Ray does where the cluster cannot be reached."""
        ray.init(address=line.address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        trainer = ray.remote(
            num_cpus=line.need.cpus,
            num_gpus=line.need.gpus,
            # A little of what only nodes of the same versions offer: no other is ever taken.
            resources={line.fit: 0.001},
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={"control": 2},
        )(NodeTrainer)
        self.actor = trainer.options(name=f"run-{line.name}-{os.getpid()}").remote(line)

    def listen(self) -> None:
        """Takes what the owner asks; once the owner is gone, all of this goes."""
        try:
            while True:
                match self.connection.recv():
                    case Task() as task:
                        self.tasks.put(task)
                    case "stop" if self.actor:
                        self.control("stop")
        except (EOFError, OSError):
            self.end()

    def end(self) -> None:
        """Ends the process on the node, also where it hangs, and this one."""
        with suppress(Exception):
            # Ray would end it with its owner, but only by and by.
            ray.kill(self.actor)
        os._exit(0)

    def control(self, name: str) -> Any:
        """Asks the actor while it trains."""
        return getattr(self.actor, name).options(concurrency_group="control").remote()

    def beat(self) -> None:
        """Says every second that this process is there; and what the training takes, if the node answers."""
        pause = threading.Event()
        while not self.actor:
            self.send(Alive())
            pause.wait(BEAT_SECONDS)
        asked = self.control("beat")
        while True:
            try:
                use = ray.get(asked, timeout=BEAT_SECONDS)
            except GetTimeoutError:
                self.send(Alive())
                continue
            except RayError:
                return  # `follow` says why
            self.send(Alive(use))
            pause.wait(BEAT_SECONDS)
            asked = self.control("beat")

    def follow(self, task: Task) -> None:
        """Sends what the node yields, then what became of it."""
        try:
            node = ray.get(self.actor.arrive.remote())  # it answers once it has a place
            images = self.find_images(task, node)
            train = self.actor.train.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
            for item in train.remote(task, node, images):
                self.send(ray.get(item))
        except RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, LabError):
                self.send(Failed(str(cause), cause.kind))
            elif isinstance(error, RayTaskError):
                self.send(Failed(f"Unexpected: {_first_line(cause or error)}", "error", str(error)))
            else:
                self.send(Lost(explain_loss(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told where the run is kept
            self.send(Failed(f"Unexpected: {_first_line(error)}", "error", traceback.format_exc()))

    def find_images(self, task: Task, node: str) -> Any:
        """A reference to the images in Ray's store, or None where the node has its own copy."""
        here = ray.get_runtime_context().get_node_id()
        if node == here or not ray.get(self.actor.lacks.remote(task.spec)):
            return None
        keeper = (
            ray.remote(num_cpus=0)(Keeper)
            .options(
                name="images",
                lifetime="detached",
                get_if_exists=True,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote()
        )
        return ray.get(keeper.find_reference.remote(absolute_folder(task.spec)))[0]


def explain_loss(error: Exception) -> str:
    """Whether the node is gone or only the process on it, as a phrase after the node's name."""
    text = str(error)
    if (
        isinstance(error, NodeDiedError | ActorUnavailableError)
        or "node has died" in text
        or "node was terminated" in text
    ):
        return GONE
    if isinstance(error, OutOfMemoryError) or "OOM" in text:
        return "ran out of memory and ended the training's process"
    return "lost the training's process"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def main(descriptor: int) -> None:
    Driver(Connection(descriptor)).serve()


if __name__ == "__main__":
    # Imported by name: classes of `__main__` would travel to the nodes as code, not as names.
    from core.cluster.driver import main

    main(int(sys.argv[1]))
