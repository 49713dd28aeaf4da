"""What people are told whose files hold no run that is read here."""

from __future__ import annotations

import re
from collections.abc import Collection

_TO_CSV = "import aim; aim.Repo('.').query_metrics().dataframe().to_csv('aim.csv', index=False, na_rep='nan')"
AIM_COMMAND = f'python -c "{_TO_CSV}"'
AIM = (
    "is a repository of Aim, which only Aim reads. In the folder that holds it run: aim storage reindex. Then, with "
    f"pandas installed beside Aim: {AIM_COMMAND}. Import the aim.csv that this writes."
)
# Beside which files of a tool those with the figures are missing.
_MISSING = {
    r"(^|/)wandb-(summary|metadata)\.json$": "Weights & Biases keeps a run in run-ID.wandb.",
    r"(^|/)(params|metrics)/[^.]+$": "MLflow keeps a run in a folder with meta.yaml.",
    r"(^|/)dvclive/(params\.yaml|metrics\.json)$": "DVCLive keeps figures in plots/metrics.",
}


def list_missing(names: Collection[str]) -> list[str]:
    """Sentences on what is lacking where a tool's other files are there."""
    return [sentence for mark, sentence in _MISSING.items() if any(re.search(mark, name) for name in names)]
