"""Whether runs were trained and measured on the same images."""

from __future__ import annotations

from core.compare.snapshot import ComparedRun


def same_data(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both are of the same data set, or folder of images."""
    return (a.spec.data.dataset, _folder(a)) == (b.spec.data.dataset, _folder(b))


def _folder(run: ComparedRun) -> str:
    return run.spec.data.folder.rstrip("/") if run.spec.data.dataset == "folder" else ""


def same_test_images(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both were tested on the same images, as far as their specs and fingerprints tell.

    CIFAR has test images of its own; elsewhere the split decides. A share for validation or a cap does not move them.
    """
    if not same_data(a, b):
        return False
    prints = [run.environment.get("data_fingerprint") for run in (a, b)]
    if a.spec.data == b.spec.data:
        # The same choices and other images: the folder's files have changed in between.
        return None in prints or prints[0] == prints[1]
    if a.spec.data.dataset in ("cifar10", "cifar100"):
        return True
    return _split(a) == _split(b)


def _split(run: ComparedRun) -> tuple[int, float]:
    return run.spec.data.split_seed, run.spec.data.test_fraction


def same_validation_images(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both were validated on the same images as well."""
    return same_test_images(a, b) and (_split(a), a.spec.data.val_fraction) == (_split(b), b.spec.data.val_fraction)
