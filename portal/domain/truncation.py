"""Truncation of long texts, with a note of what was left out."""

from __future__ import annotations


def truncated(text: str, most: int, what: str) -> str:
    """Return ``text``, or its first ``most`` characters and a line saying how much is left out.

    ``what`` names the text in that line.

    >>> print(truncated("a" * 3000, 1024, "The notes").splitlines()[-1])
    … The notes go on: 3 KiB in all, of which the first 1 KiB are shown.
    """
    if len(text) <= most:
        return text
    kib = -(-len(text) // 1024)
    return f"{text[:most]}\n… {what} go on: {kib:,} KiB in all, of which the first " + (
        f"{most // 1024:,} KiB are shown."
    )
