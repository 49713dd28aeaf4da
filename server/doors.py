"""Which requests the servers answer: only to their own address, only from their own pages, and in no frame.

A foreign page's requests carry its origin, and those of a page whose name was re-bound to this machine carry that name
as their host (DNS rebinding). Every server of the lab asks here, for every request, before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

OWN_NAMES = ("127.0.0.1", "localhost", "::1")
HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
NO_FRAME = "frame-ancestors 'none'"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
NOT_MY_ADDRESS = "This is not my address."
FOREIGN_PAGE = "Requests of other pages are refused."
NO_ORIGIN = "A request that names no origin changes nothing here."

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::([0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """Where a request was sent and where it comes from; header values as often as they were sent."""

    scheme: str  # http or https
    method: str
    hosts: Sequence[str]
    origins: Sequence[str] = ()
    site: str = ""  # Sec-Fetch-Site, as all browsers of today send it
    target: str = ""  # Sec-Fetch-Dest
    is_socket: bool = False


@dataclass(frozen=True)
class Refusal:
    """`status` as HTTP knows it, and the sentence that is sent with it."""

    status: int
    sentence: str


@dataclass(frozen=True)
class Door:
    """`names` are hosts that are answered, `*.example.org` for all below one; `origins` those of a proxy in front.

    With `port`, hosts must name it: without, a tunnel may come from any port of its user's machine.
    """

    names: tuple[str, ...] = OWN_NAMES
    origins: tuple[str, ...] = ()
    port: int | None = None

    def why_refused(self, asked: Asked) -> Refusal | None:
        """Why a request is not answered, or None."""
        host = read_host(asked.hosts[0]) if len(asked.hosts) == 1 else None
        if host is None or not self._knows(*host):
            return Refusal(421, NOT_MY_ADDRESS)
        if asked.origins:
            allowed = {f"{asked.scheme}://{asked.hosts[0]}".lower(), *self.origins}
            if len(asked.origins) > 1 or asked.origins[0].lower() not in allowed:
                return Refusal(403, FOREIGN_PAGE)
        elif asked.is_socket or asked.method not in SAFE_METHODS:
            # Browsers name the origin here, always; who does not is no page of ours.
            return Refusal(403, NO_ORIGIN)
        # A link may lead here from anywhere; a frame, a picture or a script of another page may not.
        if asked.site in ("cross-site", "same-site") and asked.target != "document":
            return Refusal(403, FOREIGN_PAGE)
        return None

    def _knows(self, name: str, port: int | None) -> bool:
        if self.port is not None and port != self.port:
            return False
        return any(
            name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern
            for pattern in map(plain_name, self.names)
        )


def read_host(text: str) -> tuple[str, int | None] | None:
    """A Host header's name, in lower case and without a last dot, and its port; None for what is no host."""
    match = _HOST.fullmatch(text.lower())
    if match is None or (match[3] and not 0 < int(match[3]) < 65536):
        return None
    name = plain_name(match[1] or match[2])
    # In brackets there is an IPv6 address or nothing.
    if not name or (match[1] and ":" not in name):
        return None
    return name, int(match[3]) if match[3] else None


def plain_name(name: str) -> str:
    """One spelling of each host: `LOCALHOST.` is localhost, `[0:0::1]` is ::1. Empty for a broken IPv6 address."""
    name = name.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
    if ":" not in name:
        return name
    try:
        return str(ip_address(name))
    except ValueError:
        return ""


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost counts as reachable."""
    name = plain_name(address)
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
