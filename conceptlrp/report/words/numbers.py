"""How numbers are written on the pages: short, aligned, with a true minus."""

import math
import unicodedata
from collections.abc import Sequence
from itertools import accumulate, pairwise

from conceptlrp.statistics.intervals import effect

# Controls, formats such as overrides of direction, surrogates, line separators.
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
_MINUS = "\N{MINUS SIGN}"


def count(value: float) -> str:
    """Write a whole number with separated thousands.

    >>> count(20000)
    '20,000'
    """
    return f"{round(value):,}"


def plural(value: int, noun: str) -> str:
    """Write a number with its noun.

    >>> plural(1, "game"), plural(1200, "position")
    ('1 game', '1,200 positions')
    """
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def compact(value: float, digits: int = 3) -> str:
    """Write a number with three significant digits.

    >>> compact(-0.012345), compact(1234.5), compact(0)
    ('−0.0123', '1,234', '0')
    """
    if not math.isfinite(value):
        return "–"
    decimals = max(0, digits - 4)
    text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.{decimals}f}"
    if "e" in text and abs(value) >= 1e-6:
        text = f"{value:.9f}".rstrip("0")
    return text.replace("-", _MINUS)


def percent(share: float) -> str:
    """Write a share as a percentage with about two significant digits.

    >>> percent(0.1234), percent(0.00123), percent(1.0), percent(0.00001)
    ('12%', '0.12%', '100%', '<0.01%')
    """
    if not math.isfinite(share):
        return "–"
    value = abs(100 * share)
    sign = _MINUS if share < 0 else ""
    if value == 0:
        return "0%"
    if value < 0.01:
        return f"{sign}<0.01%"
    digits = 0 if value >= 9.95 else 1 if value >= 0.995 else 2
    return f"{sign}{value:.{digits}f}%"


def signed_percent(share: float) -> str:
    """Write a share as a percentage with its sign.

    >>> signed_percent(0.1234), signed_percent(-0.05)
    ('+12%', '−5.0%')
    """
    return ("+" if share > 0 else "") + percent(share)


def signed_amount(value: float, digits: int = 3) -> str:
    """Write a number with three significant digits and its sign.

    >>> signed_amount(0.1234), signed_amount(-2.0)
    ('+0.123', '−2')
    """
    return ("+" if value > 0 else "") + compact(value, digits)


def adding_up(parts: Sequence[float]) -> tuple[str, ...]:
    """Write a sum and its parts, rounded so that they add up as they are written.

    >>> adding_up([1.474, 1.214, -0.0004])
    ('+2.69', '+1.48', '+1.21', '0.00')
    """
    largest = max(map(abs, (math.fsum(parts), *parts)))
    digits = 2 - math.floor(math.log10(largest)) if largest else 2
    digits = min(max(digits, 0), 9)
    # Differences of rounded sums add up; from the end, where parts are small.
    ends = accumulate([0.0, *reversed(parts)])
    sums = [round(end * 10**digits) for end in ends]
    steps = [sums[-1], *[b - a for a, b in pairwise(sums)][::-1]]
    zero = f"{0:.{digits}f}"
    return tuple(effect(n / 10**digits, digits) if n else zero for n in steps)


def visible(text: str) -> str:
    r"""Write characters that would steer a terminal, or hide, as escapes.

    >>> print(visible("Ada\x1b[31m\u202e"))
    Ada\x1b[31m\u202e
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in _STEERING
        else c
        for c in text
    )
