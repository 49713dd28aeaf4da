"""Downloads the images that a command needs, with a progress bar."""

from __future__ import annotations

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core.cli.output import STOPPED, CommandError, make_console, say
from core.spec import DataSpec
from core.text.formats import format_bytes


def fetch(name: str, *, quiet: bool = False) -> None:
    """Downloads with a progress bar on the standard error, or a line every tenth if that is no terminal."""
    from core.data.downloads import download

    console = make_console(stderr=True)
    try:
        if quiet:
            download(name)
        elif console.is_terminal:
            columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            with Progress(*columns, console=console) as bar:
                task = bar.add_task("")
                download(name, lambda done, total: bar.update(task, completed=done, total=total))
        else:
            download(name, _Tenths(name))
    except KeyboardInterrupt:
        raise CommandError("The download was stopped; the next one goes on from there.", STOPPED) from None
    if not quiet:
        say(f"{name} is here.")


def fetch_missing(data: DataSpec) -> None:
    from core.data.catalogue import is_ready

    if not is_ready(data) and data.dataset != "folder":
        fetch(data.dataset)


class _Tenths:
    """Reports a download in a log: one line for every tenth."""

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, 0

    def __call__(self, done: int, total: int) -> None:
        tenths = 10 * done // max(1, total)
        if tenths > self._shown:
            self._shown = tenths
            say(f"{self._name}: {format_bytes(done)} of {format_bytes(total)}")
