"""What the files of a run folder are called; a study's folder and those of its workers use the same names."""

from __future__ import annotations

SPEC = "spec.json"
ABOUT = "about.json"
ENVIRONMENT = "environment.json"
PROGRESS = "progress.json"
METRICS = "metrics.jsonl"
STEPS = "steps.jsonl"  # losses within the epochs, thinned
USE = "use.jsonl"  # of the machine, sampled and thinned
LOG = "log.txt"
END = "end.json"
ORIGIN = "imported.json"  # of a run that came from another lab
BRANCH = "branch.json"  # of a run that began from another's checkpoint
ROOT = "root.safetensors"  # that checkpoint
OLD_ROOT = "root.pt"  # the same, written by an older version
PLACE = "place.json"  # of a run that is trained on a cluster
FOREIGN = "foreign.json"  # of a run that another tool logged, in place of a spec
SERIES = "series.bin"  # all that it logged

CHECKPOINTS = "checkpoints"
MANIFEST = "manifest.json"  # in it, names those that are whole
PREDICTIONS = "predictions"
VAL_CLASSES = "val_classes.bin"  # in it, a row for each epoch

LOCK = "run.lock"  # held by the worker for life
CONTROL = "control.lock"  # held while the run is being started, stopped or changed
LAUNCHED = "launched"  # there until the worker is
STOP = "stop"  # there once the run was asked to stop
WORKER = "worker.json"
CRASH = "death.json"
FORECAST = "forecast.json"
DOCTOR = "doctor.json"  # what its rules found while the run trained
ROBUSTNESS = "robustness.json"  # answers to spoiled images
TOLD = "told.json"  # of what people were told already
RESERVE = ".reserve"  # space for the end of a run whose disk is full
