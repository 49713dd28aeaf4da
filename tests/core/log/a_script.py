"""A script as Trackio's users write it; `test_log` runs it with one import changed."""

import math

import numpy as np
import trackio

trackio.init(project="shapes", name="first", config={"lr": 0.1, "model": {"depth": 3}})
for epoch in range(3):
    trackio.log({"train/loss": 1.0 / (epoch + 1), "epoch": epoch})
    trackio.log({"val": {"accuracy": np.float32(0.1) * epoch, "loss": np.float64(2) - epoch}})
trackio.log({"far": 1}, step=100)
trackio.log({"after far": True})
trackio.log({"back": 1}, step=50)
trackio.log({"back": 2}, step=50)
trackio.log({"after back": np.int64(7)})
trackio.log({"inf": math.inf, "minus": -math.inf, "nan": math.nan, "tiny": 5e-324, "third": 1 / 3})
trackio.log({"text": "kept by Trackio as text", "whole": 2**53 + 1})
trackio.finish()

trackio.init(project="shapes", name="first", resume="allow", config={"lr": 0.1})
trackio.log({"resumed": 1})
trackio.finish()

with_block = trackio.init(project="shapes", name="second")
with_block.log({"again": 0.5})
with_block.finish()

trackio.init(project="shapes", name="second", resume="never")
trackio.log({"another": 0.25})
trackio.finish()
