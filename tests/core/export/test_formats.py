"""Every export format has a name, a suffix and a purpose."""

from __future__ import annotations

from core.export.formats import FORMATS


def test_every_format_says_what_it_is_for() -> None:
    for key, format in FORMATS.items():
        assert format.key == key
        assert format.suffix.startswith(".")
        assert format.purpose.endswith(".")
    assert {key for key, format in FORMATS.items() if format.several} == {
        *("html", "csv", "tensorboard", "mlflow", "zip"),
        *("predict", "ensemble-onnx"),
    }
