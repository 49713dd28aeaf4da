"""An import that must be refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.export.archive.pack import BundleError
from tests.bundles import snapshot, take_in


def refuse(archive: bytes, runs: Path) -> str:
    """The sentence of the refusal, which leaves nothing behind."""
    before = snapshot(runs)
    with pytest.raises(BundleError) as refused:
        take_in(archive)
    assert snapshot(runs) == before
    assert not [path for path in runs.iterdir() if path.name.startswith(".import-")]
    sentence = str(refused.value)
    assert sentence.endswith((".", ": refused."))
    assert sentence.isprintable()
    return sentence
