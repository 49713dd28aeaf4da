"""A worker of a study: stays warm, asks Optuna, trains each trial as an ordinary run, and reports the result.

`python -m core.studies.worker NAME [INDEX]`. Any number of workers share a study through its storage. Whoever counts
the trials and begins the next holds the study's lock, so no number is given twice and none too many.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import StorageInternalError, TrialPruned
from sqlalchemy.exc import DBAPIError

from core.cluster.proxy import Proxy
from core.doctor.watch import look_once
from core.launch.launcher import reopen_run
from core.notify.announce import announce_end
from core.runs import layout
from core.runs.ends import describe_failure, log
from core.runs.folder import Run
from core.runs.place import leave_cluster, read_place, write_place
from core.runs.records import About, RunNotFoundError
from core.runs.store import open_run, publish_run
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.parse import SpecError
from core.studies.pruners import PRUNERS, make_pruner, should_prune
from core.studies.runs import intermediate_value, measure_network, objective_values, worst_values
from core.studies.samplers import count_grid, make_sampler, suggest_values
from core.studies.spec import propose
from core.studies.storage import WORKER_PATIENCE, AskLock, StudyError, describe_trouble, open_storage
from core.studies.study import Study, open_study
from core.studies.telling import tell_end
from core.studies.trials import CONSTRAINT, count_trials, fail_orphans, new_owner, requeue, requeue_killed, why_over
from core.studies.warm import TrialStop, load_once, log_into
from core.system import files, processes
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.locks import FileLock
from core.worker.local import train_on
from core.worker.run import drive_run
from core.worker.stop import StopSignal

if TYPE_CHECKING:
    from core.engine.events import EpochEnd

POLL_SECONDS = 0.05
IDLE_SECONDS = 0.5
FAILURES = 3  # in a row, after which a worker gives up: the next would fail as well
# Failures caused by a trial's own values: the sampler learns to avoid them.
BLAMED = ("nan", "batch_norm", "out_of_memory")


class TrialFailedError(LabError):
    """A trial's run failed for a reason that is not the trial's; the message is the run's."""


class Worker:
    """One warm process of a study, from its first trial to its last."""

    def __init__(self, study: Study, index: int, owner: dict[str, Any]) -> None:
        self.study, self.spec, self.index, self.owner = study, study.spec, index, owner
        self.folder = study.folder
        self.lock = AskLock(study.name, study._storage)
        self.stops = False
        self.failures = 0
        # On a cluster a node trains; asking Optuna, pruning and every file stay here.
        self.proxy = Proxy(keeps=True) if study.is_on_cluster() else None
        self.trial_stop: TrialStop | None = None
        trials = study.frozen_trials()
        self.optuna = optuna.load_study(
            study_name=study.name,
            storage=study._storage,
            sampler=make_sampler(self.spec, index, len(trials)),
            pruner=make_pruner(self.spec),
        )

    def listen(self) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._hear)

    def _hear(self, number: int, *_: object) -> None:
        # A request to stop one trial rings as the system would.
        self.stops = self.stops or not (self.trial_stop and self.trial_stop.rings)
        if self.trial_stop:
            self.trial_stop.hear(number)

    def is_stopping(self) -> bool:
        return self.stops or (self.folder / layout.STOP).exists() or not self.folder.is_dir()

    def is_wanted(self) -> bool:
        """Whether the study still wants as many workers."""
        wish = files.find_note(self.folder / "wish.json") or {}
        return self.index < int(wish.get("workers", self.index + 1))

    def warm_up(self) -> None:
        """Loads what every trial needs. Raises DataError."""
        if self.proxy:
            return
        load_once(self.spec.base.data)
        # What is loaded now stays: garbage collection need not walk through it again and again.
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        if self.proxy:
            self.proxy.close()

    def work(self) -> str:
        """Trains trials until none is left or somebody stops it; why it ends, as a sentence."""
        while not self.is_stopping():
            if not self.is_wanted():
                return "The study wants fewer workers."
            if not self._try_lock():
                time.sleep(POLL_SECONDS)
                continue
            try:
                over, waits = self._is_over()
                if not over:
                    self._run_trial()
            finally:
                self.lock.release()
            if over and not waits:
                return over
            if over:
                # A worker may yet be killed; its trial would then be for this one.
                time.sleep(IDLE_SECONDS)
            if self.failures >= FAILURES:
                return self._give_up()
        return "Stopped on request."

    def _try_lock(self) -> bool:
        try:
            return self.lock.try_acquire()
        except (DBAPIError, FileNotFoundError):  # the server is away, or the study is being deleted
            return False

    def _is_over(self) -> tuple[str, bool]:
        """The reason no trial is left to begin, or "", and whether some are still in training."""
        self.spec = open_study(self.study.name, self.study._storage).spec  # its limits may have changed
        fail_orphans(self.optuna, self.study.name)
        trials = self.optuna.get_trials(deepcopy=False)
        tally = count_trials(self.study.name, trials)
        return why_over(self.spec.trials, self.spec.minutes, tally, count_grid(self.spec)), tally.live > 0

    def _give_up(self) -> str:
        trials = self.optuna.get_trials(deepcopy=False)
        mine = [trial for trial in trials if trial.user_attrs.get("worker") == self.owner]
        reason = str(mine[-1].user_attrs.get("reason") or "") if mine else ""
        return f"{FAILURES} trials in a row failed. The last one: {reason}"

    def _run_trial(self) -> None:
        """Asks Optuna for one trial and trains it. The lock is released once the trial has its values."""
        self.failures += 1  # taken back by whatever is no failure
        try:
            self.optuna.optimize(self._objective, n_trials=1, catch=(Exception,))
        except (ValueError, RuntimeError) as error:
            # Another machine took this worker for dead and has failed the trial.
            log(f"The trial's result could not be stored: {error}")

    def _objective(self, trial: optuna.Trial) -> list[float]:
        trial.set_user_attr("worker", self.owner)
        values = suggest_values(trial, self.spec)
        self.lock.release()
        try:
            spec = propose(self.spec, values)
        except SpecError as error:
            return self._refuse(trial, 1.0, str(error))
        parameters = cost_of(spec).parameters
        measure = measure_network(self.spec, parameters)
        trial.set_user_attr("parameters", parameters)
        if measure > 0:
            reason = f"{parameters:,} parameters are over the budget of {self.spec.budget:,}."
            return self._refuse(trial, measure, reason)
        if self.spec.can_be_infeasible:
            trial.set_constraint(CONSTRAINT, measure)
        trial.set_user_attr("begun", None)  # until it has a device
        run = self._reopen(trial) or self._publish(trial, spec)
        return self._conclude(trial, run, self._train(trial, run))

    def _refuse(self, trial: optuna.Trial, measure: float, reason: str) -> list[float]:
        """Tells Optuna that a network is infeasible, at no cost of training."""
        self.failures = 0
        trial.set_user_attr("reason", reason)
        trial.set_constraint(CONSTRAINT, measure)
        log(f"Trial {trial.number} is infeasible: {reason}")
        return worst_values(self.spec)

    def _reopen(self, trial: optuna.Trial) -> Run | None:
        """The run that this trial resumes; None if there is none, or somebody else has resumed it."""
        with suppress(KeyError, RunNotFoundError):
            run = open_run(trial.user_attrs["resumes"])
            if run.state() in ("stopped", "interrupted"):
                reopen_run(run)
                trial.set_user_attr("run_id", run.id)
                return run
        return None

    def _publish(self, trial: optuna.Trial, spec: RunSpec) -> Run:
        name = self.study.name
        started_by = self.study.started_by or f"study {name}"
        about = About(name=f"{name} trial {trial.number}", tags=(f"study:{name}",), started_by=started_by)
        run_id, _ = publish_run(spec, about)
        trial.set_user_attr("run_id", run_id)
        return Run(runs_folder() / run_id)

    def _train(self, trial: optuna.Trial, run: Run) -> TrialStop:
        """Trains a trial's run here, as `core.worker` would in a process of its own; returns what could stop it."""
        log(f"Trial {trial.number} is run {run.id}.")
        stop = TrialStop(run.path, self.folder)
        with FileLock(run.path / layout.LOCK) as lock:
            if not lock.acquire(2):
                raise TrialFailedError("Another process holds the trial's run.")
            self.trial_stop = stop
            stop.asked = self.stops  # heard between two trials
            try:
                with log_into(run.path / layout.LOG):
                    self._drive(trial, run.path, stop)
            except FileNotFoundError:
                if run.path.is_dir():
                    raise
            finally:
                self.trial_stop = None
                # Cycles of the last network would keep its memory on the device until some later day.
                gc.collect()
        announce_end(run.path, is_trial=True)
        if (run.path / layout.METRICS).exists():
            look_once(run.path, is_trial=True)
        return stop

    def _drive(self, trial: optuna.Trial, folder: Path, stop: StopSignal) -> int:
        """From the queue to its end, by this process or by a node."""
        train = partial(self._train_on, trial)
        if self.proxy is None:
            leave_cluster(folder)  # where an earlier worker had put it
            return drive_run(folder.parent, folder, stop, train)
        write_place(folder, read_place(folder) or {})
        self.proxy.begin()
        return drive_run(folder.parent, folder, stop, train, self.proxy.wait)

    def _train_on(self, trial: optuna.Trial, folder: Path, device: str, stop: StopSignal) -> int:
        assert isinstance(stop, TrialStop)
        stop.begun = True
        trial.set_user_attr("begun", time.time())
        # Validation chooses among the trials; the best is tested once it is chosen.
        untested = f"this run is a trial of study {self.study.name}"
        after_epoch = partial(self._report, trial, folder)
        if self.proxy:
            return self.proxy.train(folder, device, stop, after_epoch=after_epoch, untested=untested)
        return train_on(folder, device, stop, load=load_once, after_epoch=after_epoch, untested=untested)

    def _report(self, trial: optuna.Trial, folder: Path, event: EpochEnd) -> str:
        """Reports an epoch to Optuna; returns a sentence if the trial is to be pruned."""
        value = intermediate_value(self.spec, event.metrics)
        if value is None:
            return ""
        trial.report(value, event.epoch)
        epochs = Run(folder).spec.train.epochs
        # After the last epoch there is nothing left to save.
        if event.epoch >= epochs or not should_prune(self.spec, trial, value):
            return ""
        pruner, objective = PRUNERS[self.spec.pruner].label.lower(), self.spec.objectives[0]
        why = f"at a {objective} of {value:.4g}" if math.isfinite(value) else "since a loss is no number any more"
        return f"Pruned after epoch {event.epoch} of {epochs} by the {pruner} pruner, {why}."

    def _conclude(self, trial: optuna.Trial, run: Run, stop: TrialStop) -> list[float]:
        """What the run's end means for its trial: values, or one of Optuna's ways to have none."""
        is_there = run.path.is_dir()
        end = (run.end() if is_there else None) or {}
        # A run that the system ended with its worker (SIGTERM) has no end.
        state = end.get("state") or ("interrupted" if is_there else "deleted")
        without = "It ended without saying why." if is_there else "The run was deleted."
        reason = str(end.get("reason") or without)
        if state == "finished":
            self.failures = 0
            return objective_values(self.spec, run)
        trial.set_user_attr("reason", reason)
        log(f"Trial {trial.number}: {state}. {reason}")
        is_paused = self.stops or stop.by_study or (self.folder / layout.STOP).exists()
        if state == "interrupted" or (state == "stopped" and is_paused):
            if is_paused:  # or nobody asked, and its end could not be written: so it may be the next time too
                self.failures = 0
            requeue(self.optuna, self.study._storage.get_trial(trial._trial_id), resumes=True)
            raise TrialFailedError(reason)
        if state in ("pruned", "stopped") or end.get("kind") in BLAMED:
            self.failures = 0
            raise TrialPruned(reason)
        raise TrialFailedError(reason)


def main(arguments: list[str]) -> int:
    """0 if the worker's work was done or it was stopped."""
    name = arguments[0] if arguments else ""
    warnings.filterwarnings("ignore", module="optuna")
    try:
        study = open_study(name, open_storage(WORKER_PATIENCE, requeue_killed))
        index = int(arguments[1]) if len(arguments) > 1 else _find_index(study)
        try:
            return _hold(study, index)
        finally:
            tell_end(study)
    except StudyError as error:
        log(str(error))
        return 1


def _find_index(study: Study) -> int:
    """The lowest number that no worker of the study has."""
    return next(index for index in range(10_000) if not study.is_worker_alive(index))


def _hold(study: Study, index: int) -> int:
    """Runs a worker, which holds its lock until it ends."""
    folder = study.worker_folder(index)
    folder.mkdir(parents=True, exist_ok=True)
    owner = new_owner(index)
    with FileLock(folder / layout.LOCK) as lock:
        if not lock.acquire(2):
            log("Another process is this worker.")
            return 1
        lock.write(str(owner["token"]))
        files.write_json(folder / layout.WORKER, {"process": processes.identify(os.getpid())})
        (folder / layout.LAUNCHED).unlink(missing_ok=True)
        return _work(study, index, owner)


def _work(study: Study, index: int, owner: dict[str, Any]) -> int:
    """The worker's exit status; what it gives up for is kept for the page."""
    try:
        worker = Worker(study, index, owner)
        worker.listen()
        worker.warm_up()
        try:
            reason = worker.work()
        finally:
            worker.close()
    except (StorageInternalError, DBAPIError) as error:
        return _note_end(study, index, describe_trouble(error))
    except Exception as error:
        # Whatever it is, the page shows it.
        raise SystemExit(_note_end(study, index, describe_failure(error)[0])) from error
    if worker.failures >= FAILURES:
        return _note_end(study, index, reason)
    if worker.stops:
        _note_end(study, index, "Its worker was asked to end, by hand or as the machine went down. It can be resumed.")
        return 0
    log(reason)
    return 0


def _note_end(study: Study, index: int, reason: str) -> int:
    log(reason)
    if study.folder.is_dir():
        files.write_json(study.folder / layout.END, {"reason": reason, "worker": index, "ended": time.time()})
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
