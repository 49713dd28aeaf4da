"""How numbers are written wherever people read them: counts, bytes, shares, times."""

from __future__ import annotations

import math
import time

UNKNOWN = "–"


def format_count(value: float | None) -> str:
    """1,234 or 2.65 M: three digits that matter, for parameters and multiply-adds."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    return _with_prefix(value)


def format_bytes(value: float | None) -> str:
    """12.3 MB, in powers of 1000 as disks and networks are sold."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return _with_prefix(value, "B")


def _with_prefix(value: float, unit: str = "") -> str:
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999,950 rounds up to the next prefix.
        if abs(value) >= size * 0.9995:
            return f"{_three_digits(value / size)} {prefix}{unit}"
    return f"{value:.0f} {unit}".rstrip()


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}" if abs(value) < 99.95 else f"{value:,.0f}"


def format_percent(share: float | None, digits: int = 2) -> str:
    """A share of 0 to 1 as 84.10 %."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    return f"{share * 100:.{digits}f} %"


def format_number(value: float | None) -> str:
    """A loss as 0.1234."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.4f}"


def format_seconds(seconds: float | None) -> str:
    """8 s, 3 min 20 s, 2 h 05 min, 3 d 4 h."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def format_moment(moment: float | None) -> str:
    """A Unix time as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else UNKNOWN


def format_ago(moment: float, now: float | None = None) -> str:
    """How long ago a Unix time was: just now, 5 min ago, 3 h ago, yesterday, 2026-03-01."""
    past = (time.time() if now is None else now) - moment
    if past < 45:
        return "just now"
    if past < 3600:
        return f"{max(1, round(past / 60))} min ago"
    if past < 86400:
        return f"{round(past / 3600)} h ago"
    if past < 2 * 86400:
        return "yesterday"
    if past < 14 * 86400:
        return f"{past // 86400:.0f} d ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))
