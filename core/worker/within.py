"""Writes a file of numbered rows that never has more than 1,000: the longer it gets, the fewer of them are kept.

Nothing is built on these rows, so a disk that does not take them must not end the training: they are kept for the
next time. Only appending is usual; once in a while, and where a row that is no longer kept has to go, the file is
written anew in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.runs.metrics import read_rows
from core.runs.within import keep_sound
from core.stats.thinning import find_stride, is_kept
from core.system import files


class SeriesFile:
    """`fields` are those that every row has; the first is its number, from 1 on."""

    def __init__(self, path: Path, fields: tuple[str, ...]) -> None:
        self.path, self.fields, self.number = path, fields, fields[0]
        self.rows: list[dict[str, Any]] = []
        self._written = 0  # rows that the file has, in the same order; -1 if it has to be written anew

    def restore(self, is_past: Callable[[dict[str, Any]], bool]) -> None:
        """Goes on from the rows of an earlier process that are past; those that a resumed run notes again go."""
        sound, _ = keep_sound(read_rows(self.path), self.fields)
        self.rows = [row for row in sound if is_past(row)]
        if self.rows and not self._is_regular():
            self.rows.pop()  # the last of a training that had come to its end
        self._written = -1
        self.flush()

    @property
    def last(self) -> int:
        return int(self.rows[-1][self.number]) if self.rows else 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Takes in rows whose numbers rise, and writes them but for a last one that is only kept at the end."""
        for row in rows:
            count = row[self.number]
            if find_stride(count) > find_stride(self.last):
                self.rows = [known for known in self.rows if is_kept(known[self.number], count)]
                self._written = -1
            elif self.rows and not self._is_regular():
                self.rows.pop()
            self.rows.append(row)
        self.flush()

    def flush(self, *, is_end: bool = False) -> None:
        """`is_end` writes the last row too."""
        kept = self.rows if is_end or not self.rows or self._is_regular() else self.rows[:-1]
        if self._written == len(kept) or (self._written < 0 and not kept and not self.path.exists()):
            self._written = len(kept)
            return
        try:
            if self._written < 0:
                files.write_bytes(self.path, b"".join(map(files.to_line, kept)), sync=False)
            else:
                content = b"".join(map(files.to_line, kept[self._written :]))
                with open(self.path, "ab", buffering=0) as file:
                    if file.write(content) != len(content):
                        raise OSError
            self._written = len(kept)
        except OSError:
            self._written = -1

    def _is_regular(self) -> bool:
        """Whether the last row is there for more than being the last."""
        return is_kept(self.last, self.last)
