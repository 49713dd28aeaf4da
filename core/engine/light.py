"""torch's optimizers without its compiler.

Their methods are wrapped for those who compile a whole training step. The wrappers import the compiler when first
called, compiled or not: a second and a half of every start, and 60 MB. Here networks are compiled, optimizers never.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import SGD, Adam, Optimizer


def skip_compiler_import() -> None:
    """Unwraps torch's optimizers, so that using them does not import the compiler. Results are unchanged."""
    for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad"):
        setattr(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))
    for kind in (SGD, Adam):  # AdamW's step is Adam's
        # Once an optimizer was made, its class's step is wrapped once more, by what calls hooks; that stays.
        if not hasattr(kind.step, "hooked"):
            kind.step = torch.no_grad()(inspect.unwrap(kind.step))  # type: ignore[method-assign]
