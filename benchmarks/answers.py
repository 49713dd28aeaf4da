"""Own images at once: 10,000 of 32x32 by the network of `report-beaten`, as an array and as PNG files in a zip.

Processor seconds of one thread for decoding and answering, piece by piece as the helper process does: beside other work
they say more than those that passed, and two threads that wait for a busy core would count the wait. Where nothing
else runs, the seconds that pass on all cores are what a visitor waits. Importing torch, loading the network and looking
at training images, once for each network, are told apart.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.lab_server import LabServer

IMAGES, SIDE, LIMIT_SECONDS = 10_000, 32, 10
# Hardly trained: how well it answers makes no difference to how soon.
NETWORK = ["--preset", "report-beaten", "--set", "train.epochs=2", "--set", "data.max_train_images=200"]
NETWORK += ["--set", "data.cap_held_out=true", "--set", "train.test_views=none"]


def measure_answers() -> dict[str, Any]:
    """Seconds by the kind of file, with the limit they are held to."""
    with tempfile.TemporaryDirectory() as folder:
        server = LabServer(Path(folder))  # for its folders: nothing is served
        images = os.environ.get("RESNET_LAB_IMAGES")
        data = ["data.dataset=folder", f"data.folder={images}"] if images else ["data.dataset=digits"]
        done = server.command("train", *NETWORK, *[word for setting in data for word in ("--set", setting)])
        if done.returncode:
            raise RuntimeError(done.stderr)
        run_id = done.stdout.split()[0]
        os.environ["RESNET_LAB_RUNS"] = server.environment["RESNET_LAB_RUNS"]
        array, archive = _make_images(Path(folder))
        figures: dict[str, Any] = {"images": IMAGES, "limit_seconds": LIMIT_SECONDS}
        for name, path in (("array", array), ("zip_of_png", archive)):
            figures[name] = _time(run_id, path)
    return figures


def _make_images(folder: Path) -> tuple[Path, Path]:
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, SIDE, SIDE, 3), np.uint8)
    array, archive = folder / "images.npy", folder / "images.zip"
    np.save(array, pixels)
    with zipfile.ZipFile(archive, "w") as target:
        for index, image in enumerate(pixels):
            buffer = BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            target.writestr(f"{index}.png", buffer.getvalue())
    return array, archive


def _time(run_id: str, path: Path) -> dict[str, float]:
    from core.data.own_images import Brought
    from core.engine.answers import predict_own
    from core.examine.answers import make_member
    from core.examine.predicting import PIECE_IMAGES
    from core.runs.store import open_run

    torch.set_num_threads(1)
    members, brought = (make_member(open_run(run_id))[0],), Brought(str(path))

    def answer(*, all_cores: bool) -> tuple[float, float]:
        """Seconds of the processor, and seconds that passed."""
        began, used = time.perf_counter(), time.process_time()
        for start in range(0, IMAGES, PIECE_IMAGES):
            predict_own(members, brought, start, PIECE_IMAGES, all_cores)
        return round(time.process_time() - used, 2), round(time.perf_counter() - began, 2)

    used = time.process_time()
    predict_own(members, brought, 0, 1, False)
    before = time.process_time() - used
    processor, passed = answer(all_cores=False)
    return {
        "before_the_first": round(before, 2),
        "processor_seconds": processor,
        "passed_seconds": passed,
        "all_cores_seconds": answer(all_cores=True)[1],
    }


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_answers()
    print(json.dumps(measured, indent=2))
    keep_result("answers", measured)
