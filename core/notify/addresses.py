"""Connections to servers elsewhere: never to this machine or its own network, unless that is allowed.

A name is resolved once, every address that it has is checked, and the connection goes to one that was: asked a second
time, a name server could answer something else (DNS rebinding). TLS still checks the certificate against the name.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import psutil

from core.notify.settings import NotifyError

REFUSED = "Its address belongs to this machine or its own network, which notifications may not reach."
MAX_ADDRESSES = 3  # that are tried
# Networks that stand for IPv4 addresses, and where in their addresses these are (RFC 6052, RFC 3056, RFC 4291).
_TRANSLATED = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")

Address = IPv4Address | IPv6Address


def find_addresses(host: str, port: int, *, local: bool) -> list[str]:
    """The checked addresses of a host, to be connected to as they are. Raises NotifyError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotifyError("The name of its server is not known, or the network is away.", passes=True) from None
    addresses = list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))
    if not local and not all(map(is_public, addresses)):
        raise NotifyError(REFUSED)
    return addresses[:MAX_ADDRESSES]


def connect(host: str, port: int, seconds: float, *, local: bool) -> socket.socket:
    """A connection to the host; each of its addresses is given so many seconds. Raises NotifyError, OSError."""
    *others, last = find_addresses(host, port, local=local)
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), seconds)
    return socket.create_connection((last, port), seconds)


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's, and none of this machine's own."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    own = _own_addresses()
    return all(_is_public(each) and each not in own for each in (address, *_embedded(address)))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address in _TRANSLATED or address.ipv4_mapped):
        return True  # the IPv4 address in it decides; Python's versions differ about the whole
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    return address.is_global and not special and not getattr(address, "is_site_local", False)


def _embedded(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return []
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo or ()
    found = [address.ipv4_mapped, address.sixtofour, *teredo]
    found += [last] if address in _TRANSLATED or address in _COMPATIBLE else []
    return [each for each in found if each is not None]


def _own_addresses() -> set[Address]:
    """Those of this machine's network cards, among which may be public ones."""
    found: set[Address] = set()
    for card in psutil.net_if_addrs().values():
        for each in card:
            with suppress(ValueError):
                found.add(ip_address(each.address.partition("%")[0]))
    return found


def describe_trouble(error: OSError) -> NotifyError:
    """A failed connection as a sentence; without the address, which the system's own words may hold."""
    if isinstance(error, TimeoutError):
        return NotifyError("Its server did not answer in time.", passes=True)
    if isinstance(error, ConnectionRefusedError):
        return NotifyError("Its server refused the connection: nothing listens there.", passes=True)
    reason = os.strerror(error.errno).lower() if error.errno else "the connection ended"
    return NotifyError(f"Its server could not be reached: {reason}.", passes=True)
