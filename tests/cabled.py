"""Hosts on one machine: each in a network namespace of its own, on a cable that can be cut, without a way out.

Needs root and `ip`, and a module marked `pytest.mark.isolated`, in whose namespaces it all ends. The tests' process is
on the host at `HERE`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

import pytest

HERE = "10.77.0.1"


@dataclass(frozen=True)
class Host:
    """One at the other end of a cable."""

    name: str
    address: str

    @property
    def enter(self) -> tuple[str, ...]:
        """How a command begins that is run there."""
        return "nsenter", f"--net=/run/netns/{self.name}", *named(self.name)

    def cut(self) -> None:
        """Nothing gets through its cable any more, and nobody is told."""
        run("ip", "link", "set", f"v-{self.name}", "down")

    def mend(self) -> None:
        run("ip", "link", "set", f"v-{self.name}", "up")


def named(host: str) -> tuple[str, ...]:
    """How a command begins that is run on a host of this name."""
    return "unshare", "--uts", "bash", "-c", f'hostname {host}; exec "$@"', "_"


def lay_cables(*names: str) -> list[Host]:
    """A bridge here, and hosts of these names on it; skips the test where that is not possible."""
    if shutil.which("ip") is None:
        pytest.skip("ip is not installed (apt-get install iproute2)")
    if os.geteuid() != 0:
        pytest.skip("network namespaces for hosts need root")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "addr", "add", f"{HERE}/24", "dev", "br0")
    run("ip", "link", "set", "br0", "up")
    hosts = [Host(name, f"10.77.0.{number}") for number, name in enumerate(names, start=2)]
    for host in hosts:
        run("ip", "netns", "add", host.name)
        run("ip", "-n", host.name, "link", "set", "lo", "up")
        run("ip", "link", "add", f"v-{host.name}", "type", "veth", "peer", "name", "eth0", "netns", host.name)
        run("ip", "link", "set", f"v-{host.name}", "master", "br0", "up")
        run("ip", "-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        run("ip", "-n", host.name, "link", "set", "eth0", "up")
    return hosts


def run(*command: str) -> None:
    """Raises CalledProcessError."""
    subprocess.run(command, check=True, timeout=30)
