from __future__ import annotations

import numpy as np

from core.imports.checksums import crc32c, masked


def test_checksums_are_those_of_the_standard() -> None:
    # RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and rising; "123456789" is the usual check.
    pieces = [bytes(32), b"\xff" * 32, bytes(range(32)), b"123456789", b""]
    lengths = np.array([len(piece) for piece in pieces])
    content = np.frombuffer(b"".join(pieces), np.uint8)

    found = crc32c(content, np.cumsum(lengths) - lengths, lengths)

    assert [hex(each) for each in found] == ["0x8a9136aa", "0x62a8ab43", "0x46dd794e", "0xe3069283", "0x0"]


def test_masked_checksums_are_those_of_tensorboard() -> None:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    content = b"some record"
    mine = masked(crc32c(np.frombuffer(content, np.uint8), np.array([0]), np.array([len(content)])))

    assert int(mine[0]) == masked_crc32c(content)
