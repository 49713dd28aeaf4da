"""What is drawn, read back from Plotly's JSON."""

import base64
import re
from typing import Any

import numpy as np

from tests.strict_json import strict


def unpack(values: Any) -> np.ndarray:
    if isinstance(values, list):
        return np.array(values, float)
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])


def traces_of(figure: str) -> dict[str, dict[str, Any]]:
    traces = strict(figure)["data"]
    assert len({trace["uid"] for trace in traces}) == len(traces)
    # Plotly makes a selector of it when the trace goes.
    assert all(re.fullmatch(r"[\w-]+", trace["uid"]) for trace in traces)
    return {trace["uid"]: trace for trace in traces}
