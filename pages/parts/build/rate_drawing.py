"""The learning rate over the whole training as a small drawing with axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pages.parts.build.network_drawing import draw_text

WIDTH, HEIGHT = 480, 94
LEFT, RIGHT, TOP, BOTTOM = 52, 474, 6, 72


def draw_rate(epochs: Sequence[float], rates: Sequence[float], last: float) -> str:
    """SVG of `rates` over `epochs`, up to epoch `last`; its axis begins at zero: a decay looks as deep as it is."""
    highest = max(*rates, 1e-12)
    top = round_up(highest)

    def locate(epoch: float, rate: float) -> str:
        x = LEFT + (RIGHT - LEFT) * epoch / last
        return f"{x:.1f},{BOTTOM - (BOTTOM - TOP) * rate / top:.1f}"

    points = " ".join(locate(epoch, rate) for epoch, rate in zip(epochs, rates, strict=True))
    area = f"{locate(epochs[0], 0)} {points} {locate(epochs[-1], 0)}"
    label = f"Learning rate: from {rates[0]:.3g} to {rates[-1]:.3g}, at most {highest:.3g}, over {last:g} epochs"
    return (
        f'<div class="lab-drawing"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(_rate_axis(top))}{''.join(_epoch_axis(last))}"
        f'<polygon points="{area}" fill="var(--lab-accent-soft)" opacity="0.6" />'
        f'<polyline points="{points}" fill="none" stroke="var(--lab-accent)" stroke-width="1.75" '
        f'stroke-linejoin="round" /></svg></div>'
    )


def round_up(value: float) -> float:
    """The next round number: 1, 1.5, 2, 3, 4, 5 or 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 8, 10) if step * power >= value * (1 - 1e-9))


def ticks_of(last: float, most: int = 6) -> list[float]:
    """Round numbers of epochs from 0 to `last`, at most `most` of them beside 0."""
    step = max(1.0, float(math.ceil(round_up(last / most))))
    return [index * step for index in range(int(last / step + 1e-9) + 1)]


def _rate_axis(top: float) -> list[str]:
    parts = []
    for share in (0, 0.5, 1):
        y = BOTTOM - (BOTTOM - TOP) * share
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--lab-line-soft)" />')
        parts.append(draw_text(LEFT - 6, y + 3.5, f"{top * share:.3g}", anchor="end"))
    return parts


def _epoch_axis(last: float) -> list[str]:
    ticks = ticks_of(last)
    parts = []
    for tick in ticks:
        x = LEFT + (RIGHT - LEFT) * tick / last
        # The last label carries the unit and must stay inside.
        label_x, anchor = (RIGHT, "end") if x > RIGHT - 30 else (x, "middle")
        text = f"{tick:g} {'epoch' if tick == 1 else 'epochs'}" if tick == ticks[-1] else f"{tick:g}"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 3}" stroke="var(--lab-faint)" />')
        parts.append(draw_text(label_x, BOTTOM + 16, text, anchor=anchor))
    return parts
