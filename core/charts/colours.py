"""How far apart two colours are to the eye, colour-blind eyes among them, and how well one is seen on a ground.

Own arithmetic, as no library is worth its start here: coloraide, the smallest that is maintained, loads 96 modules in
a quarter of a second, on the way of every page that draws two runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEAST_CONTRAST = 3.0  # of what is not text, on its ground (WCAG 2.2, 1.4.11)
LEAST_TEXT_CONTRAST = 4.5  # of text (WCAG 2.2, 1.4.3)
LEAST_DIFFERENCE = 12.0  # CIEDE2000; about 1 is just noticed, side by side and in large patches: lines are thin

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
VISIONS: dict[str, FloatArray] = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees


def find_differences(ones: Sequence[str], others: Sequence[str]) -> FloatArray:
    """CIEDE2000 of each `#rrggbb` from each of the others, for the eyes to which the two are most alike.

    (ones, others).
    """
    first, second = to_linear(ones), to_linear(others)
    seen = [
        difference_2000(to_lab(first @ vision.T)[:, None], to_lab(second @ vision.T)[None])
        for vision in VISIONS.values()
    ]
    return np.asarray(np.minimum.reduce(seen))


def to_parts(colours: Sequence[str]) -> FloatArray:
    """Red, green and blue of `#rrggbb`, 0 to 255: (colours, 3)."""
    parts = [[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in colours]
    return np.array(parts, float).reshape(-1, 3)


def to_linear(colours: Sequence[str]) -> FloatArray:
    """sRGB's `#rrggbb` as linear red, green and blue, 0 to 1: (colours, 3)."""
    shares = to_parts(colours) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def to_lab(linear: FloatArray) -> FloatArray:
    """CIE L*a*b* under D65 of linear RGB: (..., 3) -> same."""
    relative = np.clip(linear, 0, 1) @ _TO_XYZ.T / _WHITE
    x, y, z = np.moveaxis(
        np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference_2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """CIEDE2000 with all weights 1 (Sharma, Wu & Dalal 2005, equations 2 to 22), of L*a*b*: (..., 3) -> (...)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 1.5 - 0.5 * _saturate(mean_chroma)
    c1, c2 = np.hypot(g * a1, b1), np.hypot(g * a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, g * a1)) % 360, np.degrees(np.arctan2(b2, g * a2)) % 360
    no_hue = c1 * c2 == 0
    apart = np.where(no_hue, 0, (h2 - h1 + 180) % 360 - 180)
    apart = np.where(~no_hue & (h2 - h1 == 180), 180, apart)  # opposite: the sign is that of the formula
    lightness, chroma = l2 - l1, c2 - c1
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(apart) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    over = np.abs(h1 - h2) > 180
    mean_h = np.where(no_hue, h1 + h2, (h1 + h2 + np.where(over, np.where(h1 + h2 < 360, 360, -360), 0)) / 2)
    cosines = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    t = 1 + sum(weight * np.cos(np.radians(times * mean_h + turn)) for weight, times, turn in cosines)
    wide = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    by_l, by_c, by_h = lightness / wide, chroma / (1 + 0.045 * mean_c), hue / (1 + 0.015 * mean_c * t)
    turning = -2 * _saturate(mean_c) * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    return np.asarray(np.sqrt(by_l**2 + by_c**2 + by_h**2 + turning * by_c * by_h))


def _saturate(chroma: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))


def find_contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio, 1 to 21."""
    first, second = sorted((to_linear((one, other)) @ _TO_XYZ[1]).tolist(), reverse=True)
    return float((first + 0.05) / (second + 0.05))


@lru_cache(maxsize=256)
def make_visible(colour: str, ground: str) -> str:
    """The colour, or the nearest step of it towards white or black that is seen on this ground."""
    end = 255 if find_contrast("#ffffff", ground) > find_contrast("#000000", ground) else 0
    parts = to_parts([colour])[0]
    steps = (_write(parts + (end - parts) * step / 50) for step in range(51))
    return next(step for step in steps if find_contrast(step, ground) >= LEAST_CONTRAST)


def blend(scale: Sequence[tuple[float, str]], share: float) -> str:
    """The colour at a share of 0 to 1 on a scale of stops."""
    places, parts = [place for place, _ in scale], to_parts([colour for _, colour in scale])
    return _write([float(np.interp(share, places, parts[:, channel])) for channel in range(3)])


def _write(parts: Sequence[float] | FloatArray) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
