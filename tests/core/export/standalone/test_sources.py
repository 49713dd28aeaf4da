"""Sources are gathered by name, or refused."""

import pytest

from core.export.standalone.reading import StandaloneError
from core.export.standalone.sources import Gatherer
from core.spec import SECTIONS

GIVEN = frozenset((kind.__module__, kind.__name__) for kind in SECTIONS.values())


def test_a_package_that_a_script_cannot_count_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gatherer = Gatherer(frozenset(), {}, {})
    with pytest.raises(StandaloneError, match=r"from scipy\.special import betaincinv is needed"):
        gatherer.gather("core.stats.betas", "quantile_table")


def test_only_what_a_definition_needs_is_gathered() -> None:
    gathered = Gatherer(GIVEN, {}, {"OPTIMIZERS": ["sgd"]}).gather("core.engine.optim", "OPTIMIZERS")
    (section,) = [one for one in gathered.sections if one.module == "core.engine.optim"]
    text = "\n".join(section.definitions)
    assert '"sgd"' in text
    assert "class Muon" not in text
    assert gathered.registries == {"OPTIMIZERS"}


def test_an_entry_that_a_registry_does_not_have_is_refused() -> None:
    with pytest.raises(StandaloneError, match=r"OPTIMIZERS in core\.engine\.optim has no entry 'none'"):
        Gatherer(GIVEN, {}, {"OPTIMIZERS": ["none"]}).gather("core.engine.optim", "OPTIMIZERS")
