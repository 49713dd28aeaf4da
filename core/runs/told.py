"""What people were told of a run, or a study, already: each thing once."""

from __future__ import annotations

from pathlib import Path

from core.runs import layout
from core.system import files
from core.system.locks import hold


def claim(folder: Path, what: str) -> bool:
    """Whether nobody was told this yet; from now on somebody was. Of several processes that ask, one gets True.

    Raises OSError, RunsFolderError.
    """
    path = folder / layout.TOLD
    with hold(path.with_suffix(".lock"), 5):
        noted = (files.find_note(path) or {}).get("told")
        told = noted if isinstance(noted, list) else []
        if what in told:
            return False
        files.write_json(path, {"told": [*told, what]})
        return True
