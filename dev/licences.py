"""The licences of what the portal's image holds, and which of them are let in.

    python -m dev.licences

Of Python's packages they are what the packages say; of Debian's what their copyright files say of
the files in the image. Licences that ask for more than their notice are let in one by one, with a
reason.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from dev.audit import locked
from dev.image.sbom import licence

ROOT = Path(__file__).resolve().parent.parent

PERMISSIVE = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "X11",
        "Zlib",
        "bzip2-1.0.6",
        "blessing",
    }
)
"""SPDX names of licences that ask for their notice alone."""

NAMED = {
    "certifi": "its list of authorities, which nobody changes",
    "psycopg": "a library that is used as it is, and can be replaced",
    "psycopg-binary": "the same",
    "libc6": "Debian's, linked dynamically, as all libraries here",
    "libcom-err2": "the part in the image is under MIT's own words; the package holds others",
    "libcrypt1": "linked dynamically",
    "libdb5.3": "Python's dbm, which the portal does not use; its sources are Debian's",
    "libgcc-s1": "with the exception for programs that its compiler has made",
    "libkeyutils1": "linked dynamically",
    "libnsl2": "linked dynamically",
    "libreadline8": "Python's prompt, which the portal does not use; its sources are Debian's",
    "libstdc++6": "with the exception for programs that its compiler has made",
}
"""Parts whose licence asks for more, and why they are there all the same."""

DEBIAN = {
    "libbz2-1.0": "bzip2-1.0.6",
    "libc6": "LGPL-2.1-or-later",
    "libcom-err2": "MIT AND LGPL-2.0-only",
    "libcrypt1": "LGPL-2.1-or-later",
    "libdb5.3": "Sleepycat",
    "libexpat1": "MIT",
    "libffi8": "MIT",
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgssapi-krb5-2": "MIT",
    "libk5crypto3": "MIT",
    "libkeyutils1": "LGPL-2.0-or-later",
    "libkrb5-3": "MIT",
    "libkrb5support0": "MIT",
    "liblzma5": "X11",
    "libncursesw6": "X11",
    "libnsl2": "LGPL-2.1-or-later",
    "libpython3.11-minimal": "PSF-2.0",
    "libpython3.11-stdlib": "PSF-2.0",
    "libreadline8": "GPL-3.0-or-later",
    "libsqlite3-0": "blessing",
    "libssl3": "Apache-2.0",
    "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libtinfo6": "X11",
    "libtirpc3": "BSD-3-Clause",
    "libuuid1": "BSD-3-Clause",
    "openssl": "Apache-2.0",
    "python3-distutils": "PSF-2.0",
    "python3-minimal": "PSF-2.0",
    "python3.11-minimal": "PSF-2.0",
    "zlib1g": "Zlib",
}
"""Licences of the libraries that the image takes from Debian, by the package."""


def permissive(expression: str) -> bool:
    """Return True if an SPDX expression leaves a choice that asks for notices alone."""
    return any(
        all(part.strip("() ") in PERMISSIVE for part in choice.split(" AND "))
        for choice in expression.split(" OR ")
    )


def python_packages() -> dict[str, str]:
    """The licence of each package of requirements.lock, "" where none can be told.

    Raises:
        PackageNotFoundError: one is not installed here.
    """
    names = locked((ROOT / "requirements.lock").read_text())
    return {name: licence(distribution(name)) for name in sorted(names)}


def refused(licences: dict[str, str]) -> list[str]:
    """The parts whose licence is neither permissive nor let in by name."""
    return [
        f"{name}: {expression or 'no licence is known'}"
        for name, expression in licences.items()
        if not permissive(expression) and name not in NAMED
    ]


def documentation() -> str:
    """The table of docs/licences.md."""
    parts = {
        "Python": python_packages(),
        "Debian": DEBIAN,
    }
    lines = ["| Part | From | Licence | Why it is there, if it asks for more than its notice |"]
    lines.append("|---|---|---|---|")
    for source, licences in parts.items():
        for name, expression in licences.items():
            lines.append(f"| {name} | {source} | {expression} | {NAMED.get(name, '')} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Print the table; returns 1 if a part is not let in."""
    try:
        licences = {**python_packages(), **DEBIAN}
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed: run dev/venv", file=sys.stderr)
        return 2
    for name, expression in licences.items():
        print(f"{name:32} {expression}")
    problems = refused(licences)
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
