"""Helm processes that outlived the portal that started them.

When a worker is killed but not its pod, its Helm runs on, and nobody waits for it. It is asked
to end at the next start, so that it marks its release as failed, long before anybody may take
that release for abandoned.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

log = logging.getLogger(__name__)

STARTED_BY = "DASH_PORTAL_PROCESS"
"""Variable in the environment of each Helm: the process that started it."""


def end_orphans(proc: Path = Path("/proc")) -> list[int]:
    """Send SIGTERM to every Helm whose portal is gone; which ones. Nothing where there is no /proc.

    A Helm of a portal that lives still has that portal as its parent. Processes of other
    containers may be seen here, but count otherwise: they are left alone.
    """
    ended: list[int] = []
    here = _container(proc / "self")
    for folder in proc.glob("[0-9]*"):
        try:
            if _container(folder) != here:
                continue
            portal = _started_by((folder / "environ").read_bytes())
            parent, group = _parent_and_group((folder / "stat").read_text())
        except (OSError, ValueError):
            continue  # gone, or somebody else's
        pid = int(folder.name)
        if portal is None or parent == portal or group != pid:
            continue
        log.warning("helm (process %d) outlived its portal: asking it to end", pid)
        try:
            os.killpg(pid, signal.SIGTERM)
        except OSError:
            continue
        ended.append(pid)
    return ended


def _container(folder: Path) -> str:
    """The namespace that a process has its number in."""
    link = folder / "ns" / "pid"
    return str(link.readlink()) if link.is_symlink() else ""


def _started_by(environment: bytes) -> int | None:
    for entry in environment.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == STARTED_BY.encode():
            return int(value)
    return None


def _parent_and_group(stat: str) -> tuple[int, int]:
    _, parent, group = stat.rpartition(")")[2].split()[:3]
    return int(parent), int(group)
