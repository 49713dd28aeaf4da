"""CRC-32C (Castagnoli), which TensorBoard guards its records with, of many records at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78


def _make_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


_TABLE = _make_table()


def crc32c(content: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The checksum of each piece of `content`, given by where it starts and its length: (pieces,) each."""
    order = np.argsort(-lengths, kind="stable")
    places, sorted_lengths = starts[order], lengths[order]
    crc = np.full(len(order), 0xFFFFFFFF, np.uint32)
    longest = int(sorted_lengths[0]) if len(order) else 0
    # How many pieces are longer than each column: the longest come first.
    active = len(order) - np.searchsorted(sorted_lengths[::-1], np.arange(longest), side="right")
    for column, count in enumerate(active.tolist()):
        part = crc[:count]
        crc[:count] = _TABLE[(part ^ content[places[:count] + column]) & 0xFF] ^ (part >> 8)
    result = np.empty_like(crc)
    result[order] = ~crc
    return result


def masked(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """As TensorBoard's record files hold it: turned and shifted, so that a checksum of checksums says something."""
    turned = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return np.add(turned, np.uint32(0xA282EAD8), dtype=np.uint32)
