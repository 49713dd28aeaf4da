"""The one family of errors that this project raises on purpose, and those of the file system in words."""

from __future__ import annotations

import errno
import os

from core.system.names import readable

FULL = {errno.ENOSPC, errno.EDQUOT}


class LabError(Exception):
    """Something that was asked for cannot be done; the message is a sentence for a person.

    `kind` is what `end.json` notes where the error ends a run.
    """

    kind = "error"

    def __str__(self) -> str:
        # It may name a file, and no page, terminal or record takes a name that is no UTF-8.
        return readable(super().__str__())


def explain_os_error(error: OSError) -> str:
    """What a disk or a file's rights did not allow, as a sentence; with the file's name, not its path.

    Names that begin with a full stop are the lab's own, of locks and files that are not whole yet: they tell nobody.
    """
    name = os.path.basename(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else ""
    name = "" if name.startswith(".") else name
    match error.errno:
        case code if code in FULL:
            return "The disk is full. Free some space, then try again."
        case errno.EROFS:
            return f"{name or 'A file'} cannot be changed: its disk is read-only."
        case errno.EACCES | errno.EPERM:
            return f"{name or 'A file'} cannot be read or changed: permission denied."
        case errno.ENOENT | errno.ESTALE:
            return f"{name or 'A file'} is not there: it may have been deleted meanwhile."
    why = (error.strerror or str(error) or "no reason was given").rstrip(".")
    return f"A file could not be read or written: {why.lower()}{f' ({name})' if name else ''}."
