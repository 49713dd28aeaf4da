"""Small archives in their sets' own formats, and a server on loopback that sends them whole, cut, damaged or never."""

import gzip
import hashlib
import io
import pickle
import struct
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

from core.data.catalogue import DATASETS, Archive, Dataset, Download

TRAIN_BATCHES, IMAGES_A_BATCH = 5, 40


def cifar_files(seed: int = 0) -> dict[str, bytes]:
    """The members of a CIFAR-10 archive with 200 training and 40 test images of noise."""
    generator = np.random.default_rng(seed)

    def batch() -> bytes:
        data = generator.integers(0, 256, (IMAGES_A_BATCH, 3072), dtype=np.uint8)
        return pickle.dumps({"data": data, "labels": [index % 10 for index in range(IMAGES_A_BATCH)]})

    names = [f"data_batch_{part}" for part in range(1, TRAIN_BATCHES + 1)] + ["test_batch"]
    meta = {"label_names": [f"class {index}" for index in range(10)]}
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


def fashion_files() -> dict[str, bytes]:
    """A Fashion-MNIST of 50 training and 20 test images of noise, in IDX files by their names, not packed."""
    generator, files = np.random.default_rng(0), dict[str, bytes]()
    for part, count in (("train", 50), ("t10k", 20)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">iiii", 0x803, count, 28, 28) + pixels.tobytes()
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">ii", 0x801, count) + bytes(range(10)) * (count // 10)
    return files


def svhn_files() -> dict[str, bytes]:
    """An SVHN of 50 training and 20 test images of noise, in MATLAB files: (32, 32, 3, n), and 10 for the digit 0."""
    from scipy.io import savemat

    generator, files = np.random.default_rng(0), dict[str, bytes]()
    for part, count in (("train", 50), ("test", 20)):
        buffer = io.BytesIO()
        pixels = generator.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(buffer, {"X": pixels, "y": (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]})
        files[f"{part}_32x32.mat"] = buffer.getvalue()
    return files


def tell_svhn(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tells torchvision the checksums of these files."""
    from torchvision.datasets import SVHN

    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    known = {part: [url, name, sums.get(name, md5)] for part, (url, name, md5) in SVHN.split_list.items()}
    monkeypatch.setattr(SVHN, "split_list", known)


@dataclass
class Server:
    """What `GET` answers: `mode` is whole, slow, cut, flipped, endless, moved, missing or held (until `release`).

    `others` are files by their names beside the archive, `cuts` the names that alone are cut where there are some. It
    sends parts, unless `is_plain`, and `mark` is its ETag. `ranges` and `sent` tell what was asked for and sent.
    """

    content: bytes
    port: int = 0
    mode: str = "whole"
    seconds: float = 1.0  # that a slow answer takes
    requests: int = 0
    others: dict[str, bytes] = field(default_factory=dict)
    cuts: tuple[str, ...] = ()
    is_plain: bool = False
    mark: str = '"one"'
    ranges: list[str | None] = field(default_factory=list)
    sent: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def entry(self) -> Download:
        """CIFAR-10's download, with this server's archive in its place."""
        digest = hashlib.sha256(self.content).hexdigest()
        own = DATASETS["cifar10"].download
        assert own
        return replace(own, archives=(Archive(f"{self.place}/archive.tar.gz", digest, len(self.content)),))

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lead(self, name: str, files: dict[str, bytes]) -> Download:
        """A data set's download, with these files in the place of its own; a .gz is packed."""
        own = DATASETS[name].download
        assert own
        archives = []
        for archive in own.archives:
            plain = archive.name.removesuffix(".gz")
            content = gzip.compress(files[plain], mtime=0) if plain != archive.name else files[plain]
            self.others[archive.name] = content
            digest = hashlib.sha256(content).hexdigest()
            archives.append(Archive(f"{self.place}/{archive.name}", digest, len(content), archive.into))
        return replace(own, archives=tuple(archives))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.asked.set()
        name = request.path.rpartition("/")[2]
        body = self.others.get(name, self.content)
        mode = self.mode if not self.cuts or name in self.cuts else "whole"
        self.ranges.append(request.headers.get("Range"))
        start, total = self._find_start(request), len(body)
        if start and start >= total:
            request.send_error(416)
            return
        body = body[start:]
        length = len(body)
        if mode == "missing":
            request.send_error(404)
            return
        if mode == "moved":
            request.send_response(302)
            request.send_header("Location", "http://192.0.2.1/archive.tar.gz")
            request.end_headers()
            return
        if mode == "cut":
            body = body[: length // 2]
        elif mode == "flipped":
            body = body[: length // 2] + bytes([body[length // 2] ^ 1]) + body[length // 2 + 1 :]
        elif mode == "endless":
            body, length = body * 8, length * 8
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.send_header("ETag", self.mark)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if mode == "slow":
            step = max(1, length // 50)
            for index in range(0, length, step):
                request.wfile.write(body[index : index + step])
                time.sleep(self.seconds / 50)
            return
        request.wfile.write(body[: length // 3])
        request.wfile.flush()
        self.sent += len(body)
        if mode == "held":
            self.release.wait(60)
        request.wfile.write(body[length // 3 :])

    def _find_start(self, request: BaseHTTPRequestHandler) -> int:
        """The first byte that is asked for; 0 where all is sent, also as the file is another one by now."""
        asked, known = request.headers.get("Range"), request.headers.get("If-Range", self.mark)
        if self.is_plain or not asked or known != self.mark:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))


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
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            http.shutdown()
