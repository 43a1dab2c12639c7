"""Numbers formatted in English and French, with as many digits as their error justifies."""

from __future__ import annotations

from math import floor, isfinite, log10

THIN, DASH, MINUS = "\N{NARROW NO-BREAK SPACE}", "\N{EN DASH}", "\N{MINUS SIGN}"


def decimals(se: float) -> int:
    """The decimals that show two significant digits of the standard error; 6 where it is 0."""
    return max(0, 1 - floor(log10(se))) if se > 0 else 6


def english(value: float, digits: int = 0) -> str:
    """`12,345.67`, with a typographic minus."""
    return f"{value:,.{digits}f}".replace("-", MINUS) if isfinite(value) else DASH


def french(value: float, digits: int = 0) -> str:
    """`12 345,67`, with a narrow no-break space."""
    return english(value, digits).translate({ord(","): THIN, ord("."): ","})


def significant(value: float, digits: int = 3) -> int:
    """The decimals that show `digits` significant digits."""
    return 0 if value == 0 else max(0, digits - 1 - floor(log10(abs(value))))


def duration(seconds: float) -> str:
    """`about 40 s`, `about 3 min`, `about 2.5 h`."""
    if seconds < 90:
        return f"about {max(1, round(seconds)):,} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5_400 else f"about {seconds / 3_600:.1f} h"
