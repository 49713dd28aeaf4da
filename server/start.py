"""Refuses to start if strangers could get in, with the reason and what to do."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config
from streamlit.errors import StreamlitSecretNotFoundError

from core.data.folder import ROOTS
from core.data.store import data_folder
from core.notify.settings import LOCAL
from core.system.errors import LabError
from server.dashboard import stop_dashboard
from server.doors import OWN_NAMES, Door, is_loopback
from server.sign_in import SignIn, SignInError, read_settings

GUIDE = "docs/SIGN-IN.md tells how."
# What the lab's safety rests on; each is so as delivered.
FIXED = {
    "server.enableXsrfProtection": (True, "pages of other sites could upload files"),
    "server.enableCORS": (True, "pages of other sites could read this one"),
    "server.enableAgentApi": (False, "programs could press buttons without a sign-in"),
    "server.enableStaticServing": (False, "a folder would be served as it is"),
    "global.developmentMode": (False, "pages of other sites could read this one"),
    "browser.gatherUsageStats": (False, "what you do would be reported to others"),
}


class StartError(SystemExit):
    """The server does not start; the message is a sentence for whoever started it."""


def check_start() -> SignIn | None:
    """How visitors sign in; None if only this machine is served. Raises StartError."""
    for name, (value, harm) in FIXED.items():
        if config.get_option(name) != value:
            raise StartError(f"{name} must be {str(value).lower()}: else {harm}.")
    if "*" in list_hosts():
        raise StartError('server.allowedHosts must name hosts: "*" lets any page in that re-binds its name.')
    sign_in = find_sign_in()
    if sign_in and config.get_option("server.trustedUserHeaders"):
        raise StartError("server.trustedUserHeaders must be empty: with it, a header could claim to be anyone.")
    address = config.get_option("server.address")
    if sign_in is None and not (address and is_loopback(address)):
        reach = f"server.address is {address}" if address else "server.address is not set"
        raise StartError(
            f"{reach}, so others could reach this lab, and nobody would have to sign in. "
            f"Keep server.address = 127.0.0.1, or set up sign-in: {GUIDE}"
        )
    return sign_in


def find_sign_in() -> SignIn | None:
    """The sign-in that `secrets.toml` sets up, if it does. Raises StartError for one that cannot be used."""
    try:
        secrets = st.secrets.to_dict()
    except StreamlitSecretNotFoundError as error:
        if error.error_id == "no-secrets-found":
            return None
        raise StartError(f".streamlit/secrets.toml cannot be read, so nobody knows who may come in: {error}") from error
    if "auth" not in secrets:
        return None
    try:
        sign_in = read_settings(secrets["auth"])
        import_module("authlib.integrations.starlette_client")
    except SignInError as error:
        raise StartError(f".streamlit/secrets.toml, [auth]: {error} {GUIDE}") from error
    except ImportError as error:
        raise StartError(f"Sign-in needs packages that are missing ({error.name}): run make run again.") from error
    return sign_in


def confine_visitors(sign_in: SignIn | None) -> None:
    """Behind a sign-in visitors name folders of a machine that is not theirs: they read below the data folder alone.

    Nor do they send notifications into its network. `RESNET_LAB_IMAGE_ROOTS` names other folders,
    `RESNET_LAB_NOTIFY_LOCAL` allows the network. Workers and helpers inherit both.
    """
    if sign_in is not None:
        os.environ.setdefault(ROOTS, str(data_folder()))
        os.environ.setdefault(LOCAL, "no")


def list_hosts() -> list[str]:
    return [str(name).strip() for name in config.get_option("server.allowedHosts") or []]


def open_door(sign_in: SignIn | None) -> Door:
    """The names that this server answers to."""
    names, origins = [*OWN_NAMES, *list_hosts()], []
    if sign_in:
        with suppress(LabError, OSError):
            stop_dashboard()  # it knows no sign-in, so one that was left open must not stay
        names.append(str(urlsplit(sign_in.origin).hostname))
        origins.append(sign_in.origin)
    # Streamlit asks its own list too, where a page connects.
    config.set_option("server.allowedHosts", list(dict.fromkeys(names)))
    return Door(tuple(names), tuple(origins))
