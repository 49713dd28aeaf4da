"""Files that lie outside of the lab's folders, and whether anybody looked at them."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from tests.folders import make_folder
from tests.pages.sample_runs import add_checkpoint, make_run

CANARY = "canary-5d41402abc4b"
RUN_ID = "20200101-000000-000-facade"


class Planted:
    """A folder with a whole run, a text and pictures, beside the runs folder; tells whether anybody looked at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "outside"
        self.run = self.folder / RUN_ID
        self.secret = self.folder / "secret.txt"
        # So long ago that the first read moves the time of the last access, also with `relatime`.
        self.stamps = (1_000_000_000, 2_000_000_000)
        made = make_run(name=CANARY, tags=(CANARY,))
        made.update_about(note=CANARY)
        add_checkpoint(made, CANARY.encode())
        (made.path / "log.txt").write_text(CANARY)
        self.folder.mkdir()
        shutil.move(made.path, self.run)
        self.secret.write_text(CANARY)
        make_folder(self.folder / "pictures", {f"{CANARY}-a": 2, f"{CANARY}-b": 2})
        self.digest = self._digest()
        self.stamp()

    def stamp(self) -> None:
        for path in self._files():
            os.utime(path, self.stamps)

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for path in self._files():
            digest.update(str(path).encode() + path.read_bytes())
        return digest.hexdigest()

    def touched(self) -> list[str]:
        """The files that were read or changed; the content is looked at last, as that is a look too."""
        moved = [str(path) for path in self._files() if self._times(path) != self.stamps]
        if self._digest() != self.digest:
            moved.append("changed, or gone")
        self.stamp()
        return moved

    def _times(self, path: Path) -> tuple[float, float]:
        stat = path.stat()
        return stat.st_atime, stat.st_mtime

    def spellings(self) -> list[str]:
        """Ways to say where it is, from the runs folder or from anywhere."""
        run, absolute = f"outside/{RUN_ID}", str(self.run)
        secret = str(self.secret)
        return [
            RUN_ID,
            f"../{run}",
            f"./../{run}",
            f"..//{run}/",
            f"../../{self.folder.parent.name}/{run}",
            f"{'../' * 12}{absolute[1:]}",
            absolute,
            f"/{absolute}",
            f"{absolute}/.",
            f"{RUN_ID}/../../{run}",
            f".clicks/../../{run}",
            f"..\\{run}".replace("/", "\\"),
            f"..;/{run}",
            f"....//{run}",
            quote(f"../{run}", safe=""),
            quote(quote(f"../{run}", safe=""), safe=""),
            f"%2e%2e/{run}",
            f"..%c0%af{run}",
            f"..%ef%bc%8f{run}",
            f"\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}{run}",
            f"..\0/{run}",
            f"../{run}\0",
            f"../{run}\n",
            f"{RUN_ID}\n",
            f" {RUN_ID}",
            f"{RUN_ID}.json",
            f"file://{absolute}",
            f"/proc/self/root{absolute}",
            f"/proc/self/cwd/../{run}",
            f"~/../..{absolute}",
            f"$PWD/../{run}",
            f"../outside/{RUN_ID[:-1]}?",
            f"../outside/{RUN_ID[:-6]}*",
            f"{{{RUN_ID},..}}",
            secret,
            f"../{self.secret.parent.name}/{self.secret.name}",
            f"../outside/./{RUN_ID}/about.json",
            "..",
            ".",
            "//host/share",
            "C:\\windows",
        ]
