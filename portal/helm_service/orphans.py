"""Ending of Helm processes that outlived the portal that started them.

When a worker is killed but not its pod, its Helm keeps running unattended. At the next start it is
told to end, so that it marks its release as failed long before its lease expires.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

log = logging.getLogger(__name__)

STARTED_BY = "DASH_PORTAL_PROCESS"
"""Environment variable of each Helm with the pid of the portal's process."""


def end_orphans(proc: Path = Path("/proc")) -> list[int]:
    """Send SIGTERM to every Helm whose portal is gone; returns their pids ([] without /proc).

    A Helm whose portal is alive still has it as its parent. Visible processes of other containers,
    which have another pid namespace, are left alone.
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
            continue  # it has ended, or belongs to another user
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
    """The pid namespace of a process."""
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
