"""The one family of errors that this project raises on purpose."""

from __future__ import annotations

from core.system.names import readable


class LabError(Exception):
    """Something that was asked for cannot be done; the message is a sentence for a person.

    `kind` is what `end.json` notes where the error ends a run.
    """

    kind = "error"

    def __str__(self) -> str:
        # It may name a file, and no page, terminal or record takes a name that is no UTF-8.
        return readable(super().__str__())
