"""What every forked worker has loaded already, and need not look through for garbage.

A collection would touch each of torch's objects, and so copy the memory that a fork shares with its parent.
"""

import gc

import sklearn.datasets  # noqa: F401
import torch.nested._internal.nested_tensor  # noqa: F401

import core.doctor.verdict
import core.engine.data
import core.engine.train
import core.notify.runs
import core.studies.worker
import core.worker.driving
import core.worker.provenance
import core.worker.recorder
import core.worker.run  # noqa: F401

gc.collect()
gc.freeze()
