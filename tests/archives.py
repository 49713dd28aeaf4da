"""A small archive in CIFAR's own format, and a server on loopback that sends it whole, cut, damaged or never."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from core.data.catalogue import DATASETS, Dataset, Download

TRAIN_BATCHES, IMAGES_A_BATCH = 5, 40


def cifar_files(seed: int = 0) -> dict[str, bytes]:
    """The members of a CIFAR-10 archive with 200 training and 40 test images of noise."""
    generator = np.random.default_rng(seed)

    def batch() -> bytes:
        data = generator.integers(0, 256, (IMAGES_A_BATCH, 3072), dtype=np.uint8)
        return pickle.dumps({"data": data, "labels": [place % 10 for place in range(IMAGES_A_BATCH)]})

    names = [f"data_batch_{part}" for part in range(1, TRAIN_BATCHES + 1)] + ["test_batch"]
    meta = {"label_names": [f"class {place}" for place in range(10)]}
    files = {name: batch() for name in names} | {"batches.meta": pickle.dumps(meta)}
    return {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


def place_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small CIFAR-10 in `folder`, whose checksums torchvision is told."""
    from torchvision.datasets import CIFAR10  # a second that tests of downloads need not wait for

    files = cifar_files()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sums = {Path(name).name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name, _ in CIFAR10.train_list])
    monkeypatch.setattr(CIFAR10, "test_list", [[name, sums[name]] for name, _ in CIFAR10.test_list])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})


def leading_to(download: Download) -> Dataset:
    """The data set's entry of the catalogue, with another archive to fetch."""
    return replace(DATASETS[download.name], download=download)


def pack(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


@dataclass
class Server:
    """What `GET` answers: `mode` is whole, slow, cut, flipped, endless, moved, missing or held (until `release`)."""

    content: bytes
    port: int = 0
    mode: str = "whole"
    seconds: float = 1.0  # that a slow answer takes
    requests: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def entry(self) -> Download:
        """CIFAR-10's download, with this server's archive in its place."""
        digest = hashlib.sha256(self.content).hexdigest()
        url = f"http://127.0.0.1:{self.port}/archive.tar.gz"
        own = DATASETS["cifar10"].download
        assert own
        return replace(own, url=url, archive_hash=f"sha256:{digest}", archive_bytes=len(self.content))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.asked.set()
        body, length = self.content, len(self.content)
        if self.mode == "missing":
            request.send_error(404)
            return
        if self.mode == "moved":
            request.send_response(302)
            request.send_header("Location", "http://192.0.2.1/archive.tar.gz")
            request.end_headers()
            return
        if self.mode == "cut":
            body = body[: length // 2]
        elif self.mode == "flipped":
            body = body[: length // 2] + bytes([body[length // 2] ^ 1]) + body[length // 2 + 1 :]
        elif self.mode == "endless":
            body, length = body * 8, length * 8
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if self.mode == "slow":
            step = length // 50
            for place in range(0, length, step):
                request.wfile.write(body[place : place + step])
                time.sleep(self.seconds / 50)
            return
        request.wfile.write(body[: length // 3])
        request.wfile.flush()
        if self.mode == "held":
            self.release.wait(60)
        request.wfile.write(body[length // 3 :])


@contextmanager
def serve(content: bytes) -> Iterator[Server]:
    server = Server(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # the other side went away
                server.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            http.shutdown()
