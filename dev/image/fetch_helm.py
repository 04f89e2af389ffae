"""Download a Helm release, check it, and keep its one binary (run while an image is built).

Usage: fetch_helm.py VERSION TARGET SHA256 [UNPINNED]

Without a sum only UNPINNED=true goes on, with the sum published beside the archive.
"""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
import urllib.request
from pathlib import Path

SITE = "https://get.helm.sh"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main(version: str, target: str, sha256: str = "", unpinned: str = "") -> None:
    """Write the helm binary of a release to ``target``; exits with a message on a mismatch."""
    arch = ARCHITECTURES[platform.machine()]
    archive = f"helm-{version}-linux-{arch}.tar.gz"
    if not sha256 and unpinned != "true":
        sys.exit(
            f"HELM_SHA256, the sum of {archive}, is required (docs/install.md says where to get "
            "it); UNPINNED=true takes the one beside the archive, to try it out"
        )
    data = _get(f"{SITE}/{archive}")
    wanted = sha256 or _get(f"{SITE}/{archive}.sha256sum").decode().split()[0]
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        sys.exit(f"{archive}: its SHA-256 is {found}, not {wanted}")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        binary = tar.extractfile(f"linux-{arch}/helm")
        if binary is None:
            sys.exit(f"{archive} holds no linux-{arch}/helm")
        Path(target).write_bytes(binary.read())
    Path(target).chmod(0o755)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
