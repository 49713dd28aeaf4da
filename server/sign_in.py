"""Sign-in by OpenID Connect: Streamlit's own flow and cookie, and what it leaves open.

Streamlit reads its cookie only when a page connects. Here it is checked at every request and every message of an open
page: whose it is, whether it has expired, and whether it was signed out in another tab.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME, USER_COOKIE_NAME

from core.system import files
from core.system.errors import LabError
from core.system.folders import runs_folder
from server.doors import is_loopback

DEFAULT_HOURS, MAX_HOURS = 12.0, 24.0 * 30
MIN_SECRET = 32
CALLBACK = "/oauth2callback"
COOKIES = (USER_COOKIE_NAME, TOKENS_COOKIE_NAME)
# Keeps the page that a visitor asked for while signing in.
RETURN_COOKIE, RETURN_SECONDS, MAX_RETURN_LENGTH = "resnet_lab_way_back", 900, 3000


class SignInError(LabError):
    """The section [auth] cannot be used."""


@dataclass(frozen=True)
class Person:
    """Who is signed in: the address as the provider knows it, and until when. `key` names this one sign-in."""

    address: str
    is_verified: bool
    key: str
    until: float


@dataclass(frozen=True)
class SignIn:
    """The section [auth] of `.streamlit/secrets.toml`, checked; `origin` is where the lab is reached."""

    origin: str
    allowed: tuple[str, ...]
    hours: float = DEFAULT_HOURS
    assume_verified: bool = False
    signed_out: SignedOut = field(default_factory=lambda: SignedOut(runs_folder() / ".signed_out.json"))

    @property
    def is_encrypted(self) -> bool:
        return self.origin.startswith("https://")

    def read_person(self, cookies: Mapping[str, str]) -> Person | None:
        """The person whose cookies these are; None if they are missing, forged, expired or signed out."""

        def read(name: str) -> bytes | None:
            value = cookies.get(name)
            return decode_signed_value(get_cookie_secret(), name, value, self.hours / 24) if value else None

        try:
            content = get_cookie_with_chunks(read, USER_COOKIE_NAME) or b""
            claims = json.loads(content)
        except ValueError:
            return None
        if not isinstance(claims, dict) or claims.get("origin") != self.origin or not claims.get("is_logged_in"):
            return None
        since = claims.get("iat")
        until = (float(since) if isinstance(since, int | float) else time.time()) + self.hours * 3600
        # The token that came with it holds a fresh number, so each sign-in has a key of its own.
        key = hashlib.sha256(content).hexdigest()
        person = Person(str(claims.get("email") or "").lower(), _is_true(claims.get("email_verified")), key, until)
        return person if self.is_valid(person) else None

    def is_valid(self, person: Person) -> bool:
        """Whether this sign-in is still valid; cheap, because every message asks."""
        return time.time() < person.until and person.key not in self.signed_out

    def why_kept_out(self, person: Person) -> str:
        """Why a person who is signed in is refused, or ""."""
        if not person.address:
            return "Your sign-in came without an e-mail address, so nobody can tell whether you may use this lab."
        if not (person.is_verified or self.assume_verified):
            return f"{person.address} was not verified by the sign-in service, so it may not use this lab."
        if not is_listed(person.address, self.allowed):
            return f"{person.address} is not on the list of those who may use this lab."
        return ""


class SignedOut:
    """The sign-ins that were ended, kept until they would have run out; a copied cookie is worth nothing after."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        try:
            kept = files.find_json(path) or {}
        except files.DamagedFileError:
            kept = {}
        self._until = {key: float(until) for key, until in kept.items() if isinstance(until, int | float)}

    def __contains__(self, key: str) -> bool:
        return key in self._until

    def add(self, person: Person) -> None:
        """Raises OSError if it cannot be written; it is valid until the server ends all the same."""
        with self._lock:
            now = time.time()
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._until[person.key] = person.until
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(self.path, self._until)


def is_listed(address: str, allowed: Sequence[str]) -> bool:
    """Whether an address is on the list: itself, its `@domain`, or `*` for all of the provider's."""
    name, at, domain = address.rpartition("@")
    # Two @ or a space would let a name pretend to be another's domain.
    if not (name and at and domain) or "@" in name or " " in address or not address.isprintable():
        return False
    return any(entry in ("*", address, f"@{domain}") for entry in allowed)


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")  # Cognito sends text


# Settings ----------------------------------------------------------------------------------------------------------


def read_settings(auth: Mapping[str, Any]) -> SignIn:
    """The checked section. Raises SignInError with a sentence that names the key."""
    for key in ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"):
        if not isinstance(auth.get(key), str) or not auth[key].strip():
            raise SignInError(f"{key} is missing.")
    if len(auth["cookie_secret"]) < MIN_SECRET:
        raise SignInError(f"cookie_secret must have at least {MIN_SECRET} characters that nobody can guess.")
    return SignIn(
        origin=_read_origin(auth["redirect_uri"]),
        allowed=_read_allowed(auth.get("allowed")),
        hours=_read_hours(auth.get("hours", DEFAULT_HOURS)),
        assume_verified=auth.get("assume_verified") is True,
    )


def _read_origin(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.endswith(CALLBACK):
        raise SignInError(f"redirect_uri must be the lab's own address with {CALLBACK} at its end.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SignInError("redirect_uri must begin with https://, or everyone on the way could read who signs in.")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _read_allowed(entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list | tuple) or not entries:
        raise SignInError(
            'allowed is missing: the addresses or domains let in, as ["ann@example.org", "@example.org"].'
        )
    for entry in entries:
        if not isinstance(entry, str) or (entry != "*" and not is_listed(entry.replace("@", "x@", 1), "*")):
            raise SignInError(f'allowed: {entry!r} is neither an address, nor a domain as "@example.org", nor "*".')
    return tuple(entry.lower() for entry in entries)


def _read_hours(hours: Any) -> float:
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MAX_HOURS:
        raise SignInError(f"hours must be more than 0 and at most {MAX_HOURS:.0f}.")
    return float(hours)


# The one in use ----------------------------------------------------------------------------------------------------

_in_use: SignIn | None = None


def use(sign_in: SignIn | None) -> None:
    """Called once, when the server starts."""
    global _in_use
    _in_use = sign_in


def in_use() -> SignIn | None:
    """How this server's visitors sign in; None if it serves its own machine without."""
    return _in_use


def find_person() -> Person | None:
    """Who looks at the page that runs now; None without sign-in."""
    sign_in = in_use()
    if sign_in is None or not st.user.get("is_logged_in"):
        return None
    return sign_in.read_person(st.context.cookies)


def current_address() -> str:
    """The address of who looks at the page that runs now; nothing without sign-in."""
    person = find_person()
    return person.address if person else ""


# Back to the page ---------------------------------------------------------------------------------------------------


def remember_page(scope: Scope, send: Send) -> Send:
    """On the way to the sign-in: keeps the page that the visitor comes from in a cookie."""
    request = HTTPConnection(scope)
    path = find_path(request.headers.get("referer", ""), request.headers.get("host", ""))

    async def send_with_cookie(message: Message) -> None:
        if path and message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", _cookie(quote(path, safe=""), RETURN_SECONDS))
        await send(message)

    return send_with_cookie


def return_to_page(scope: Scope, send: Send) -> Send:
    """On the way back: redirects to that page instead of the first one, if the sign-in succeeded."""
    host = HTTPConnection(scope).headers.get("host", "")
    kept = unquote(HTTPConnection(scope).cookies.get(RETURN_COOKIE, ""))
    # A cookie can be forged; only a path of this host is ever followed.
    path = find_path(f"http://{host}{kept}", host) if kept.startswith("/") else ""

    async def send_redirected(message: Message) -> None:
        if path and message["type"] == "http.response.start" and message["status"] == 302:
            headers = MutableHeaders(scope=message)
            if any(line.startswith(f"{USER_COOKIE_NAME}=") for line in headers.getlist("set-cookie")):
                headers["location"] = path
            headers.append("set-cookie", _cookie("", 0))
        await send(message)

    return send_redirected


def find_path(address: str, host: str) -> str:
    """The path and query of an address of this host; nothing for any other, or for one that is too long."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    is_ours = parts.netloc == host and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_ours and len(path) <= MAX_RETURN_LENGTH and path.isprintable() else ""


def _cookie(value: str, seconds: int) -> str:
    return f"{RETURN_COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
