"""Kubernetes quantities: exact parsing, and explanations of common mistakes.

CPU is in cores, memory in bytes. ``200m`` of CPU is a fifth of a core; ``200m`` of memory is a
fifth of a byte.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, localcontext

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})"
    r"((?P<exponent>[eE][+-]?[0-9]{1,2})|(?P<suffix>[A-Za-zµ%]*))"
)

MAX_CPU = 64
"""Cores. Beyond this a missing ``m`` is far more likely than a node that large."""
MIN_CPU = Decimal("0.001")
MIN_MEMORY = 8 * 2**20
"""Bytes. No container with a Python interpreter starts in less."""
LOW_MEMORY = 64 * 2**20
MAX_MEMORY = 2**41


_PLAIN_CPU = re.compile(r"[1-9][0-9]*m|[1-9][0-9]*(\.[0-9]{1,3})?|0\.(?!0+$)[0-9]{1,3}")
_PLAIN_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?([KMGT]i|[kMGT])|[1-9][0-9]{6,}")


class QuantityError(ValueError):
    """Raised for a text that is not a quantity; the message says why."""


def parse(text: str) -> Decimal:
    """Return the exact value of a Kubernetes quantity; raises ``QuantityError``.

    >>> parse("200m"), parse("1.5Gi"), parse("12e3")
    (Decimal('0.200'), Decimal('1610612736.0'), Decimal('12000'))
    """
    stripped = text.strip()
    found = _QUANTITY.fullmatch(stripped)
    if found is None:
        raise QuantityError(_why_not(stripped))
    number = Decimal(found["number"])
    if found["sign"] == "-":
        number = -number
    suffix = found["suffix"] or ""
    if suffix not in _SUFFIXES:
        raise QuantityError(_unknown_suffix(found["number"], suffix))
    with localcontext() as context:
        context.prec = 100  # enough to hold every product exactly
        if found["exponent"]:
            return number.scaleb(int(found["exponent"][1:]))
        return number * _SUFFIXES[suffix]


def _why_not(text: str) -> str:
    if re.fullmatch(r"[\d.]+\s+\w+", text):
        return f"Leave out the space: {''.join(text.split())}"
    if re.fullmatch(r"\d+,\d+\w*", text):
        return f"Write the fraction with a point: {text.replace(',', '.')}"
    return f"“{text[:40]}” is not a quantity. Write a number and a unit, such as 250m or 256Mi."


def _unknown_suffix(number: str, suffix: str) -> str:
    likely = {
        "K": "Ki",
        "KI": "Ki",
        "KIB": "Ki",
        "KB": "k",
        "MI": "Mi",
        "MIB": "Mi",
        "MB": "Mi",
        "G": "Gi",
        "GI": "Gi",
        "GIB": "Gi",
        "GB": "Gi",
        "TB": "Ti",
        "TIB": "Ti",
        "TI": "Ti",
    }.get(suffix.upper())
    if likely:
        return f"Kubernetes has no unit “{suffix}”. You probably mean {number}{likely}."
    return (
        f"Kubernetes has no unit “{suffix[:20]}”. CPU is in cores (0.5) or thousandths of a core "
        "(500m), memory in Mi or Gi (256Mi)."
    )


def in_words(size: Decimal | float) -> str:
    """Format a number of bytes for people: 268435456 → "256 MiB"."""
    value = Decimal(size)
    for suffix, unit in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if abs(value) >= unit:
            return f"{_short(value / unit)} {suffix}B"
    return f"{_short(value)} bytes"


def cpu_problem(text: str) -> str:
    """Return what is wrong with an amount of CPU, "" if it is valid or not set."""
    if not text.strip():
        return ""
    try:
        cores = parse(text)
    except QuantityError as error:
        return str(error)
    bare = text.strip()
    if cores <= 0:
        return "Give more than zero CPU, or leave the field empty."
    if bare.endswith("i") or bare[-1] in "MGTPE":
        return (
            f"{bare} is a size for memory. CPU is counted in cores: 0.5, or 500m (m is a "
            "thousandth), is half a core."
        )
    if cores < MIN_CPU:
        return f"{bare} is less than a thousandth of a core. Write 100m for a tenth of a core."
    if cores > MAX_CPU:
        hint = "Write 500m for half a core."
        if bare.isdigit():
            hint = f"You probably mean {bare}m, {_short(cores / 1000)} cores."
        return f"{bare} is {_short(cores)} whole cores. {hint}"
    return ""


def memory_problem(text: str) -> str:
    """Return what is wrong with an amount of memory, "" if it is valid or not set."""
    if not text.strip():
        return ""
    try:
        size = parse(text)
    except QuantityError as error:
        return str(error)
    bare = text.strip()
    if size <= 0:
        return "Give more than zero memory, or leave the field empty."
    if bare.endswith(("n", "u")):
        return f"{bare} is a fraction of a byte. Memory is written in Mi or Gi: 256Mi."
    if bare.endswith("m"):
        count = f"{_short(size)} byte" + ("" if size == 1 else "s")
        return f"{bare} is {count}: m means thousandth. You probably mean {bare[:-1]}Mi."
    if size < MIN_MEMORY:
        if bare.isdigit():
            return f"{bare} is {bare} bytes. You probably mean {bare}Mi."
        return (
            f"{bare} is {in_words(size)}, too little for any app to start. "
            "A small Dash app needs about 128Mi."
        )
    if size > MAX_MEMORY:
        return f"{bare} is {in_words(size)}, more than any node has. Memory is written like 512Mi."
    return ""


def memory_warning(text: str) -> str:
    """Return a warning about memory that is probably not enough, "" if there is none."""
    if text.strip() and not memory_problem(text) and parse(text) < LOW_MEMORY:
        return (
            f"{in_words(parse(text))} is little: a small Dash app needs about 128Mi, and one "
            "that runs out is killed."
        )
    return ""


def limit_problem(request: str, limit: str, what: str) -> str:
    """Return an error if ``limit`` is below ``request``, else ""; both must be valid or empty."""
    if request.strip() and limit.strip() and parse(limit) < parse(request):
        return (
            f"The {what} limit ({limit.strip()}) is below the request ({request.strip()}). "
            "Raise the limit, lower the request, or leave the limit empty."
        )
    return ""


def plain_cpu(text: str) -> str:
    """Normalise a valid amount of CPU for charts: forms such as .5, 1e-1 and 500u become m."""
    bare = text.strip()
    if not bare or _PLAIN_CPU.fullmatch(bare):
        return bare
    return f"{(parse(bare) * 1000).to_integral_value(ROUND_CEILING):f}m"


def plain_memory(text: str) -> str:
    """Normalise a valid amount of memory for charts: forms such as 1e9 and .5Gi become bytes."""
    bare = text.strip()
    if not bare or _PLAIN_MEMORY.fullmatch(bare):
        return bare
    return f"{parse(bare).to_integral_value(ROUND_CEILING):f}"


def _short(value: Decimal) -> str:
    """Format ``value`` with at most three decimals, not in exponent form below 10^15."""
    if value >= 10**15:
        return f"{value:.3g}"
    rounded = value.quantize(Decimal("0.001"))
    if rounded == 0:
        rounded = value
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
