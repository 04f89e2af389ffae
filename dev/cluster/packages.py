"""Programs that come from the system's own packages (Debian and its kin)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout
from dev.cluster.run import run

CNI_DIRS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))

#: A file or program, and the Debian package that brings it.
NEEDED: dict[str, str] = {
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "buildah": "buildah",
    "skopeo": "skopeo",
    "debootstrap": "debootstrap",
    "docker-registry": "docker-registry",
    "nsenter": "util-linux",
}


def missing(has_program: Callable[[str], bool], has_cni: bool, has_certificates: bool) -> list[str]:
    """The packages to install, sorted."""
    out = {package for program, package in NEEDED.items() if not has_program(program)}
    if not has_cni:
        out.add("containernetworking-plugins")
    if not has_certificates:
        out.add("ca-certificates")
    return sorted(out)


def cni_dir() -> Path:
    """Return the folder of the CNI plugins."""
    for directory in CNI_DIRS:
        if (directory / "bridge").exists():
            return directory
    raise ClusterError(
        "the CNI plugins are missing", hint="apt-get install containernetworking-plugins"
    )


def system_path() -> str:
    """PATH with the administrator's directories, which a plain user's lacks."""
    have = os.environ.get("PATH", "").split(os.pathsep)
    extra = [d for d in ("/usr/local/sbin", "/usr/sbin", "/sbin") if d not in have]
    return os.pathsep.join([*have, *extra])


def which(program: str) -> str | None:
    """The program's path, administrator's directories included."""
    return shutil.which(program, path=system_path())


def install(layout: Layout, note: Callable[[str], None]) -> None:
    """Install what is missing; the lists are refreshed only when that is needed."""
    wanted = missing(
        lambda program: which(program) is not None,
        any((directory / "bridge").exists() for directory in CNI_DIRS),
        Path("/etc/ssl/certs/ca-certificates.crt").exists(),
    )
    if not wanted:
        note("all there")
        return
    apt_install(layout, wanted, note)


def apt_install(layout: Layout, wanted: list[str], note: Callable[[str], None]) -> None:
    """Install Debian packages by name.

    Raises:
        ClusterError: there is no apt-get, or it failed.
    """
    log = layout.cache_logs / "apt.log"
    by_hand = f"install them by hand: {' '.join(wanted)}"
    if which("apt-get") is None:
        raise ClusterError("this machine lacks some programs and has no apt-get", hint=by_hand)
    # Packages like docker-registry must not start a service of their own on the way in.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    # A fresh machine often has an apt of its own at work; wait for it.
    patient = ["-o", "DPkg::Lock::Timeout=300"]
    argv = ["apt-get", "install", "-y", "--no-install-recommends", *patient, *wanted]
    what = f"installing {', '.join(wanted)}"
    note(" ".join(wanted))
    if "docker-registry" in wanted and Path("/run/systemd/system").is_dir():
        # Under systemd RUNLEVEL is not asked. Masked, it starts neither now nor at the next boot.
        mask = ["systemctl", "mask", "docker-registry.service"]
        run(mask, what="keeping Debian's registry from starting", log=log, check=False)
    try:
        run(argv, what=what, log=log, env=env)
    except ClusterError:
        note("refreshing the package lists")
        # Needed, and harmless otherwise, where an earlier installation was killed half-way.
        run(
            ["dpkg", "--configure", "-a"], what="dpkg --configure -a", log=log, env=env, check=False
        )
        run(["apt-get", "update"], what="apt-get update", log=log, env=env, check=False)
        run(argv, what=what, log=log, env=env, hint=by_hand)
