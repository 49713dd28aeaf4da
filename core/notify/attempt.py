"""A test message, for whoever has just set a channel and wants to know whether it works."""

from __future__ import annotations

from core.system.child import Child

SECONDS = 25.0


def send_test(channel: str) -> None:
    """Sends a test by `webhook` or `mail`. Raises NotifyError, ChildError.

    In a process of its own: this one need load nothing for it, and it ends in time whatever the network does.
    """
    with Child("sender of notifications") as child:
        child.ask("core.notify.deliver:try_channel", SECONDS, channel=channel)
