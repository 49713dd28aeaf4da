"""The one family of errors that this project raises on purpose."""

from __future__ import annotations


class LabError(Exception):
    """Something that was asked for cannot be done; the message is a sentence for a person.

    `kind` is what `end.json` notes where the error ends a run.
    """

    kind = "error"
