"""Training without torch's compiler: what it leaves out changes no number, and is really left out."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from tests.lab_server import ROOT


def run_alone(code: str) -> None:
    """In a process of its own: what it imports, and what it changes in torch, concerns no other test."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_optimizer_imports_the_compiler() -> None:
    run_alone("""
        import sys

        from tests.core.engine.toy import make_data, make_spec, run

        for optimizer in ("sgd", "adam", "adamw", "muon"):
            run(make_spec(optimizer=optimizer, epochs=1, ema_decay=0.9, lookahead_steps=2), make_data(20, 5, 5))
        assert "torch._dynamo" not in sys.modules
    """)


def test_updates_are_those_of_torchs_optimizers_to_the_bit() -> None:
    run_alone("""
        import torch
        from torch.optim import SGD, Adam, AdamW

        from core.engine.light import skip_compiler_import

        def update(kind, **settings):
            torch.manual_seed(0)
            weight = torch.nn.Parameter(torch.randn(5, 3))
            optimizer = kind([weight], lr=0.1, weight_decay=0.01, fused=True, **settings)
            for _ in range(3):
                optimizer.zero_grad()
                (weight**2).sum().backward()
                optimizer.step()
            restored = kind([weight], lr=0.3, fused=True)
            restored.load_state_dict(optimizer.state_dict())
            restored.step()
            return weight.detach().clone()

        kinds = [(SGD, {"momentum": 0.9, "nesterov": True}), (Adam, {}), (AdamW, {})]
        wrapped = [update(kind, **settings) for kind, settings in kinds]
        skip_compiler_import()
        skip_compiler_import()
        bare = [update(kind, **settings) for kind, settings in kinds]
        assert all(torch.equal(one, other) for one, other in zip(wrapped, bare, strict=True))
        assert torch.is_grad_enabled()
    """)
