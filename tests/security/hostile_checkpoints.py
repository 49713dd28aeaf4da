"""Checkpoints that were made to run code or to fill the memory: of safetensors, and of torch's pickles."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.security.payload import BOMB_BYTES, Call, payload


def torch_zip(content: bytes, data: dict[str, bytes] | None = None, *, compress: int = zipfile.ZIP_STORED) -> bytes:
    """What `torch.save` writes, with a pickle of anybody's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        for name, part in (data or {"0": bytes(16)}).items():
            archive.writestr(f"archive/data/{name}", part)
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def tensor_pickle(numel: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    """`{"format": 1, "model": {"weight": tensor}}`, the tensor as torch writes it, with figures of one's own."""

    def number(value: int) -> bytes:
        return b"\x8a" + bytes([9]) + value.to_bytes(9, "little", signed=True)

    def tuple_of(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(number(value) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number(numel)
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + number(offset)
    rebuilt += tuple_of(size) + tuple_of(stride) + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}(X\x06\x00\x00\x00formatK\x01X\x05\x00\x00\x00model}X\x06\x00\x00\x00weight" + rebuilt + b"su."


def tensors(
    state: Any, numbers: bytes = bytes(16), metadata: dict[str, Any] | None = None, **entries: dict[str, Any]
) -> bytes:
    """What `checkpoint.save` writes, with a state and figures of anybody's."""
    text = state if isinstance(state, str) else json.dumps(state)
    found = entries or {"weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    header = json.dumps({"__metadata__": metadata or {"state": text}, **found}).encode()
    return struct.pack("<Q", len(header)) + header + numbers


def safe_tensors() -> Iterator[tuple[str, bytes]]:
    """Checkpoints as they are written now: nothing in one can be called, but headers can claim anything."""
    here = {"$tensor": True}
    state = {"format": 2, "model": here}

    def one(**changes: Any) -> dict[str, Any]:
        return {"model": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **changes}}

    yield "tensors: a tensor larger than the file", tensors(state, **one(shape=[10**12], data_offsets=[0, 4 * 10**12]))
    yield "tensors: a tensor larger than its bytes", tensors(state, **one(shape=[10**12]))
    yield "tensors: sides whose product overflows", tensors(state, **one(shape=[2**33, 2**33, 0]))
    yield "tensors: a tensor of -4 elements", tensors(state, **one(shape=[-4]))
    yield "tensors: a tensor before the file's beginning", tensors(state, **one(data_offsets=[-16, 0]))
    yield "tensors: an end before its beginning", tensors(state, **one(data_offsets=[16, 0]))
    yield "tensors: two tensors of the same bytes", tensors(state, **one(), twin=one()["model"])
    yield "tensors: bytes that no tensor has", tensors(state, bytes(32), **one())
    yield "tensors: numbers of an unknown kind", tensors(state, **one(dtype="PYTHON"))
    yield "tensors: a header of 2^63 bytes", struct.pack("<Q", 2**63) + b"{}"
    yield "tensors: a header of 17 MB", struct.pack("<Q", 17_000_000) + b"{" + b" " * 16_999_999
    empty = {f"{number:x}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(200_000)}
    yield "tensors: 200,000 tensors without numbers", tensors(state, b"", **empty)
    yield "tensors: a header nested a hundred thousand times", struct.pack("<Q", 200_000) + b"[" * 200_000
    yield "tensors: a header that is no JSON", struct.pack("<Q", 64) + b"\x80\x02cos\nsystem\n" * 8
    yield "tensors: no metadata", struct.pack("<Q", 2) + b"{}"
    yield "tensors: a state that is no text", tensors("", metadata={"state": 3})
    yield "tensors: a state nested a hundred thousand times", tensors("[" * 100_000 + "]" * 100_000)
    yield "tensors: a state of a million empty lists", tensors('{"format":2,"model":[' + "[]," * 1_000_000 + "[]]}")
    yield "tensors: a state of two million numbers", tensors('{"format":2,"model":[' + "0.5," * 2_000_000 + "0]}")
    yield "tensors: a number of a hundred thousand digits", tensors('{"format":2,"model":' + "9" * 100_000 + "}")
    yield "tensors: a number that is none", tensors('{"format":2,"model":NaN}')
    yield "tensors: keys that are lists", tensors({"format": 2, "model": {"$items": [[[1], 2]]}})
    yield "tensors: a tensor that is not there", tensors({"format": 2, "model": {"weight": here}})
    yield (
        "tensors: numbers for weights",
        tensors({"format": 2, "fingerprint": "", "ema": None, "best": None, "model": 3}),
    )
    yield "tensors: of format 1", tensors({"format": 1, "weight": here})
    yield "tensors: of another format", tensors({"format": 99, "weight": here})
    yield "tensors: a list", tensors([1, 2])
    # Keys with strokes make a thousand paths of one name: each would be a copy of the whole tensor.
    name, count = "/".join("abcdefghij"), 2**18
    large = {name: {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    yield TWICE, tensors(_share(list("abcdefghij"), {"format": 2}), bytes(4 * count), **large)
    yield "tensors: half of a file", (whole := tensors(state, **one()))[: len(whole) // 2]


TWICE = "tensors: one tensor named a thousand times"


def _share(keys: list[str], outer: dict[str, Any]) -> dict[str, Any]:
    """Every way to cut a path into keys, each of which ends at the same tensor."""
    for cut in range(1, len(keys)):
        outer["/".join(keys[:cut])] = _share(keys[cut:], {})
    return {**outer, "/".join(keys): {"$tensor": True}}


def checkpoints(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield from safe_tensors()
    command = payload(folder)
    text = command.encode()

    def call(function: Callable[..., Any], *arguments: Any, protocol: int = 2) -> bytes:
        return pickle.dumps({"format": 1, "model": Call(function, *arguments)}, protocol)

    yield "calls os.system", torch_zip(call(os.system, command))
    yield "calls eval", torch_zip(call(eval, f"__import__('os').system({command!r})"))
    yield "calls exec by protocol 4", torch_zip(call(exec, f"import os; os.system({command!r})", protocol=4))
    yield "opens a process", torch_zip(b"\x80\x02csubprocess\nPopen\n(X" + struct.pack("<I", len(text)) + text + b"tR.")
    yield (
        "an instruction that makes objects",
        torch_zip(b"\x80\x02(X" + struct.pack("<I", len(text)) + text + b"ios\nsystem\n."),
    )
    yield (
        "loads a second pickle",
        torch_zip(
            b"\x80\x02cpickle\nloads\n("
            + b"B"
            + struct.pack("<I", len(inner := call(os.system, command)))
            + inner
            + b"tR."
        ),
    )
    yield "torch's own loader of code", torch_zip(b"\x80\x02ctorch.hub\nload\n(X\x01\x00\x00\x00xX\x01\x00\x00\x00ytR.")
    yield "sets a module's attribute", torch_zip(b"\x80\x02cos\nenviron\n}X\x04\x00\x00\x00PATHX\x01\x00\x00\x00xsb.")
    yield "an extension of pickle's registry", torch_zip(b"\x80\x02\x82\x01.")
    legacy = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    yield "of the old format, calls os.system", legacy + call(os.system, command)
    old = pickle.dumps({"format": 1, "x": None}, 2)
    yield "of the old format, a storage of 10 GB", legacy + tensor_pickle(2_500_000_000, (1,), (1,)) + old
    yield "a bare pickle", call(os.system, command)
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("sys_info", "pickle", "storages", "tensors"):
                info = tarfile.TarInfo(name)
                info.size = len(call(os.system, command))
                archive.addfile(info, io.BytesIO(call(os.system, command)))
        yield "of the oldest format, a tar", buffer.getvalue()
    zeros = {"0": bytes(BOMB_BYTES)}
    count = BOMB_BYTES // 4
    bomb = torch_zip(tensor_pickle(count, (count,), (1,)), zeros, compress=zipfile.ZIP_DEFLATED)
    yield "deflated, unpacks to a thousand times its size", bomb
    yield "a tensor larger than its storage", torch_zip(tensor_pickle(4, (10**12,), (1,)))
    yield "a storage larger than its bytes", torch_zip(tensor_pickle(10**12, (10**12,), (1,)))
    yield "a tensor of -1 elements", torch_zip(tensor_pickle(-1, (-1,), (1,)))
    yield "a tensor that starts before its storage", torch_zip(tensor_pickle(4, (1,), (1,), -(10**9)))
    yield "a tensor that ends past its storage", torch_zip(tensor_pickle(4, (1,), (1,), 10**9))
    yield "a tensor of 10^12 elements, all the same one", torch_zip(tensor_pickle(4, (10**6, 10**6), (0, 0)))
    yield "nested a hundred thousand times", torch_zip(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    yield "a text of 4 GB that is not there", torch_zip(b"\x80\x02X\xff\xff\xff\xff.")
    yield "a number of 2 GB that is not there", torch_zip(b"\x80\x02\x8b\xff\xff\xff\x7f.")
    yield "a memo of 4 billion places", torch_zip(b"\x80\x02Nr\xff\xff\xff\xff.")
    yield "takes from an empty stack", torch_zip(b"\x80\x02R.")
    yield "without an end", torch_zip(b"\x80\x02}")
    yield (
        "no tensors, numbers for weights",
        torch_zip(pickle.dumps({"format": 1, "fingerprint": "", "ema": None, "best": None, "model": 3}, 2)),
    )
    yield "a list", torch_zip(pickle.dumps([1, 2], 2))
    yield "of another format", torch_zip(pickle.dumps({"format": 99}, 2))
    yield "TorchScript", torch_zip(b"\x80\x02}.").replace(b"data.pkl", b"code.pkl")
    yield "half of a file", (whole := torch_zip(tensor_pickle(4, (4,), (1,))))[: len(whole) // 2]
    yield "empty", b""
    yield "noise", bytes(place * 97 % 251 for place in range(5000))
    yield "a web page", b"<!DOCTYPE html><title>404</title>"
