"""The cluster's secret, and the environment that Ray's processes get.

Whoever has the token may run programs on every node. So it lies in a file that its owner alone can read, Ray is told
where that file is, and no page, log, command line or export holds what is in it.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from core.system import files
from core.system.errors import LabError
from core.system.folders import PROJECT

FOLDER = ".cluster"  # below the runs folder: the token, and what runs on this machine
REFUSED = 3  # the exit status of a process that asked the head with another token
_TOKEN = re.compile(r"[\x21-\x7e]{16,512}")
# Taken from an environment, either would decide in place of the file.
_STRAY = ("RAY_AUTH_TOKEN", "RAY_ADDRESS")


class ClusterError(LabError):
    """The cluster cannot do what was asked; the message is a sentence for a person."""

    kind = "cluster"


class TokenRefusedError(ClusterError):
    """The head has another token."""


def cluster_folder(runs: Path) -> Path:
    """Where this machine keeps what it knows of its cluster; made if need be, for its owner alone."""
    folder = runs / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def token_path(runs: Path) -> Path:
    return runs / FOLDER / "token"


def make_token(runs: Path) -> Path:
    """The file with the token, made if there is none. Raises ClusterError if others can read it."""
    if not token_path(runs).exists():
        keep_token(runs, secrets.token_hex(32))
    read_token(runs)
    return token_path(runs)


def keep_token(runs: Path, token: str) -> None:
    """Keeps a token that somebody handed over. Raises ClusterError."""
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise ClusterError(
            "That is no token: it is one line of at least 16 letters and digits, "
            f"as in {FOLDER}/token of the runs folder where the cluster was started."
        )
    cluster_folder(runs)
    files.write_bytes(token_path(runs), token.encode(), mode=0o600)


def read_token(runs: Path) -> str:
    """The token. Raises ClusterError if there is none, or others can read it."""
    path = token_path(runs)
    try:
        with files.open_regular(path, 4096) as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read().decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise ClusterError(
            "There is no token for a cluster here, so nothing is opened to the network. "
            "`python -m core cluster up` makes one; to join another cluster, hand its token over: see docs/CLUSTER.md."
        ) from None
    except (OSError, files.DamagedFileError) as error:
        raise ClusterError(f"The cluster's token {path} cannot be read: {error}.") from error
    if os.name != "nt" and mode & 0o077:
        raise ClusterError(f"Other users of this machine can read the cluster's token. First: chmod 600 {path}")
    if not _TOKEN.fullmatch(text):
        raise ClusterError(f"The cluster's token {path} is damaged. Delete it, then start the cluster anew.")
    return text


def ray_environment(runs: Path) -> dict[str, str]:
    """The environment of every process that speaks to Ray. Raises ClusterError if there is no sound token.

    The token is named by its file. Nodes find the lab's code where it lies, and data where this machine has it.
    """
    read_token(runs)
    environment = {name: value for name, value in os.environ.items() if name not in _STRAY}
    paths = [str(PROJECT), environment.get("PYTHONPATH", "")]
    environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_path(runs)),
        "RAY_USAGE_STATS_ENABLED": "0",
        # It looks at the whole machine and ends Ray's processes for what other programs took.
        "RAY_memory_monitor_refresh_ms": "0",
        # A busy machine takes longer to start than Ray waits for by itself.
        "RAY_raylet_start_wait_time_s": "200",
        # Its measurements are served to whoever asks, without the token.
        "RAY_enable_metrics_collection": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    if data := environment.get("RESNET_LAB_DATA"):
        environment["RESNET_LAB_DATA"] = str(Path(data).absolute())
    return environment
