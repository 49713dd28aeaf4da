"""What is marked as isolated is run where there is no network, and told as if it had been run here."""

from __future__ import annotations

import os
import socket

import psutil
import pytest

from tests.isolated import is_inside

pytestmark = pytest.mark.isolated


def test_only_the_loopback_is_there() -> None:
    assert is_inside()
    assert list(psutil.net_if_stats()) == ["lo"]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass
    assert len(psutil.pids()) < 10
    assert os.getppid() == 1


def test_what_is_skipped_inside_is_skipped() -> None:
    pytest.skip("as it should be")
