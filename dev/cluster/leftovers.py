"""Leftovers of the node's pods on the machine: shims, containers, mounts, cgroups, files."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from dev.cluster import settings
from dev.cluster.errors import ClusterError
from dev.cluster.network import NETNS_DIR
from dev.cluster.paths import Layout
from dev.cluster.processes import end, start_time
from dev.cluster.run import run

_SHIM = "containerd-shim-runc-v2"
_SHIM_SOCKETS = Path("/run/containerd/s")
_DIRECTORIES = (
    Path("/var/log/containers"),
    Path("/var/lib/cni/results"),
    Path("/var/lib/cni"),
    _SHIM_SOCKETS,
    _SHIM_SOCKETS.parent,
    NETNS_DIR,
)


def mounts_below(mountinfo: str, *directories: Path) -> list[str]:
    """Mount points inside the directories, deepest and latest first."""
    out: list[str] = []
    for line in mountinfo.splitlines():
        words = line.split()
        if len(words) < 5:
            continue
        point = words[4].encode().decode("unicode_escape")
        if any(Path(point).is_relative_to(directory) for directory in directories):
            out.append(point)
    return out[::-1]


def mounts(layout: Layout) -> list[str]:
    """Mount points of the cluster and of its image builds."""
    text = Path("/proc/self/mountinfo").read_text()
    return mounts_below(text, layout.state, layout.buildah_root, layout.cache / "images")


def unmount_all(layout: Layout) -> None:
    """Unmount all of them; raises when one stays, since deleting would reach through it."""
    for _again in range(5):
        points = mounts(layout)
        if not points:
            return
        for point in points:
            run(["umount", "-l", point], what=f"umount {point}", check=False)
    left = mounts(layout)
    if left:
        raise ClusterError(f"cannot unmount {', '.join(left)}", hint="umount it, then try again")


def shim_arguments_are_ours(argv: list[str], socket: Path) -> bool:
    """Return True if a process's arguments are those of a shim of the containerd on ``socket``."""
    program = Path(argv[0]).name if argv else ""
    return program == _SHIM and str(socket) in argv


def shims(layout: Layout) -> list[int]:
    """Processes of our containerd's shims."""
    out: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if shim_arguments_are_ours(argv, layout.containerd_socket):
                out.append(int(entry.name))
    return out


def pod_cgroups() -> list[Path]:
    """The kubelet's cgroup in each hierarchy."""
    out: list[Path] = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] in {"cgroup", "cgroup2"}:
            group = Path(words[1]) / "kubepods"
            if group.is_dir():
                out.append(group)
    return out


def pod_processes() -> list[int]:
    """Every process in a pod."""
    pids: set[int] = set()
    for group in pod_cgroups():
        for listing in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids.update(int(line) for line in listing.read_text().split())
    return sorted(pids)


def kill_pods(layout: Layout) -> None:
    """End shims and everything in pods' cgroups."""
    for _again in range(20):
        pids = [*shims(layout), *pod_processes()]
        if not pids:
            return
        for pid in pids:
            start = start_time(pid)
            if start is not None:
                end(pid, start, 0)
        time.sleep(0.05)
    raise ClusterError(f"processes of pods will not end: {[*shims(layout), *pod_processes()]}")


def remove_cgroups() -> None:
    """Remove the kubelet's cgroups, innermost first."""
    for _again in range(20):
        groups = pod_cgroups()
        if not groups:
            return
        for group in groups:
            for directory in _deepest_first(group):
                with contextlib.suppress(OSError):
                    directory.rmdir()
        time.sleep(0.05)


def _deepest_first(root: Path) -> Iterator[Path]:
    for directory, _names, _files in os.walk(root, topdown=False):
        yield Path(directory)


def remove_files(layout: Layout) -> None:
    """Files that Kubernetes keeps at fixed places outside the state directory."""
    for link in _entries(Path("/var/log/containers")):
        if link.is_symlink() and link.readlink().is_relative_to(layout.state):
            link.unlink()
    for result in _entries(Path("/var/lib/cni/results")):
        if result.name.startswith(f"{settings.CNI_NETWORK}-"):
            result.unlink()
    for shim_socket in _entries(_SHIM_SOCKETS):
        if not accepts(shim_socket):
            shim_socket.unlink(missing_ok=True)
    for directory in _DIRECTORIES:
        # Somebody else's, if anything is left in it.
        with contextlib.suppress(OSError):
            directory.rmdir()
    shutil.rmtree(layout.state)


def accepts(path: Path) -> bool:
    """Return True if a process listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _entries(directory: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(directory.iterdir())
    return []
