"""Predictions of one or several networks for images that somebody brings, in the helper process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.data.catalogue import DATASETS
from core.data.channels import treat_as
from core.data.decoding import Look, Pixels
from core.data.own_images import Brought, Images, decode_some, open_images
from core.data.shades import Scale
from core.engine.augment import normalize
from core.engine.data import resize
from core.engine.evaluate import evaluation_batch
from core.engine.examine import Network, in_sentences, load_network
from core.engine.folding import fold_norms
from core.engine.unusual import ask, find_reference
from core.helper.questions import Member, OwnPiece, WeightsFile
from core.spec import DataSpec
from core.stats.scores import softmax


def predict_own(members: Sequence[Member], brought: Brought, start: int, count: int, all_cores: bool) -> OwnPiece:
    """What the networks say of up to `count` images from `start` on; several answer by their mean probability.

    The energy is -log sum exp(logits) (Liu et al. 2020, arXiv:2010.03759), the distance that of `core.engine.unusual`,
    of several networks their mean: the higher, the less the image is like those of the training. Raises QuestionError.
    """
    with in_sentences(), use_threads(_count_cores() if all_cores else 1):
        images = _keep_open(brought, _stamp(brought))
        decoded: list[tuple[Look, Pixels, dict[int, str]]] = []
        chances, energies, distances = [], [], []
        for member in members:
            network = _load_folded(member.weights)
            look = _look_of(network.spec.data, member)
            pixels = next((pixels for known, pixels, _ in decoded if known == look), None)
            if pixels is None:
                pixels, found = decode_some(images, start, count, look)
                decoded.append((look, pixels, found))
            logits, features = score(network, member, pixels)
            chances.append(softmax(logits))
            energies.append(-np.logaddexp.reduce(logits, axis=1))
            reference = find_reference(member.weights)
            distances.append(reference.measure(features) if reference else np.full(len(logits), np.nan))
        faults = {index: fault for *_, found in decoded for index, fault in found.items()}
        means = [np.asarray(np.mean(each, axis=0)) for each in (chances, energies, distances)]
        for values in means:
            values[[index - start for index in faults]] = np.nan
        return OwnPiece(means[0], means[1], faults, len(images.names), means[2])


def _count_cores() -> int:
    """Those that this process may use: torch itself was told to take one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=4)
def _load_folded(weights: WeightsFile) -> Network:
    """In bfloat16 scaled weights would lose digits: there it stays as it was trained."""
    network = load_network(weights)
    return replace(network, model=fold_norms(network.model)) if network.dtype == torch.float32 else network


@lru_cache(maxsize=1)
def _keep_open(brought: Brought, stamp: tuple[int, int]) -> Images:
    """For the next piece; the stamp tells another file of the same name."""
    return open_images(brought)


def _stamp(brought: Brought) -> tuple[int, int]:
    try:
        stat = Path(brought.path).expanduser().stat()
    except (OSError, ValueError):
        return (0, 0)
    return stat.st_mtime_ns, stat.st_size


def _look_of(spec: DataSpec, member: Member) -> Look:
    """Files become pixels as those of the training did; at the side at which these came, before they were resized."""
    scales = {kind: Scale(*bounds) for kind, bounds in member.grey_scales.items()}
    return Look(DATASETS[spec.dataset].side or spec.image_size, spec.ground, scales)


def score(network: Network, member: Member, pixels: Pixels) -> tuple[np.ndarray, Tensor]:
    """Logits (n, classes) and features (n, width), float32, of images (n, side, side, 3), treated as the training's."""
    spec = network.spec
    pixels = treat_as(pixels, spec.data.num_channels, is_grey=DATASETS[spec.data.dataset].is_grey)
    images = resize(torch.from_numpy(pixels).permute(0, 3, 1, 2), spec.data.image_size)
    batches: tuple[Tensor, ...] = torch.split(images, min(512, evaluation_batch(spec.train)))
    inputs = (normalize(batch, member.mean, member.std, network.dtype) for batch in batches)
    logits, features = (torch.cat(parts) for parts in zip(*(ask(network, each) for each in inputs), strict=True))
    return logits.numpy(), features
