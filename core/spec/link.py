"""A spec as text that is safe in an address, and back."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from core.spec import DataSpec, RunSpec
from core.spec.choices import choices_of
from core.spec.parse import MAX_SPEC_BYTES, parse_spec, refuse


def to_link(spec: RunSpec) -> str:
    """The spec as text that is safe in a link: what differs from the defaults, packed."""
    compact = spec.model_dump(mode="json", exclude_defaults=True)
    for layer, packed in zip(spec.model.layers, compact.get("model", {}).get("layers", []), strict=False):
        # A layer that names no stride gets one by its position, so the default must be written too.
        packed["stride"] = layer.stride
    return pack(compact)


def from_link(text: str) -> RunSpec:
    """The spec that `to_link` wrote. Raises SpecError, also for a link that was cut or made up."""
    return parse_spec(unpack(text, "spec"))


def pack_data(data: DataSpec) -> str:
    """A choice of images as text that is safe in an address; one that is as by default by the set's name alone."""
    chosen = data.model_dump(mode="json", exclude_defaults=True)
    return pack(chosen) if set(chosen) - {"dataset"} else data.dataset


def unpack_data(text: str) -> DataSpec:
    """What `pack_data` packed. Raises SpecError."""
    if text in choices_of(DataSpec.model_fields["dataset"].annotation):
        return parse_spec({"data": {"dataset": text}}).data
    return parse_spec(b'{"data": %b}' % unpack(text, "choice of images")).data


def pack(data: dict[str, Any]) -> str:
    """JSON as text that is safe in an address, and short."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


def unpack(text: str, what: str) -> bytes:
    """What `pack` packed, at most as long as a spec may be. Raises SpecError if it holds no `what`."""
    broken = refuse("", f"the link is damaged: it holds no {what}")
    if len(text) > 2 * MAX_SPEC_BYTES:
        raise broken
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed, MAX_SPEC_BYTES)
    except (ValueError, zlib.error):
        raise broken from None
    if not unpacker.eof or unpacker.unused_data:
        raise broken
    return plain
