"""Texts that are shown up to a length, and say so."""

from __future__ import annotations


def cut(text: str, most: int, what: str) -> str:
    """``text``, or its first ``most`` characters and a line that says what was left out.

    >>> print(cut("a" * 3000, 1024, "The notes").splitlines()[-1])
    … The notes go on: 3 KiB in all, of which the first 1 KiB are shown.
    """
    if len(text) <= most:
        return text
    kib = -(-len(text) // 1024)
    return f"{text[:most]}\n… {what} go on: {kib:,} KiB in all, of which the first " + (
        f"{most // 1024:,} KiB are shown."
    )
