"""Folders of the local cluster: the cache survives ``down``, the state does not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cache_dir() -> Path:
    """Downloads and builds worth keeping: ``$XDG_CACHE_HOME/dash-portal``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dash-portal"


def state_dir() -> Path:
    """The running cluster's directory: short, because unix socket paths are limited to 107."""
    given = os.environ.get("DASH_PORTAL_STATE")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/dash-portal")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "dash-portal"


@dataclass(frozen=True)
class Layout:
    """Every path below the state directory and the cache directory, named once."""

    state: Path
    cache: Path

    @classmethod
    def default(cls) -> Layout:
        """The layout of this user on this machine."""
        return cls(state=state_dir(), cache=cache_dir())

    @property
    def logs(self) -> Path:
        """One log for each component."""
        return self.state / "logs"

    @property
    def run(self) -> Path:
        """Pid records and sockets."""
        return self.state / "run"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def conf(self) -> Path:
        """Configuration files, rendered by each ``up``."""
        return self.state / "conf"

    @property
    def kubeconfigs(self) -> Path:
        """One kubeconfig for each component."""
        return self.state / "kubeconfigs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.state / "kubeconfig"

    @property
    def how(self) -> Path:
        """Records which way ``up`` chose."""
        return self.state / "how"

    @property
    def path_bin(self) -> Path:
        """Links that come first on the components' PATH (the iptables flavour that works)."""
        return self.state / "bin"

    @property
    def etcd(self) -> Path:
        """etcd's data: the cluster's state."""
        return self.state / "etcd"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root directory: volumes of pods."""
        return self.state / "kubelet"

    @property
    def containerd_root(self) -> Path:
        """Images and containers as containerd keeps them."""
        return self.state / "containerd"

    @property
    def containerd_state(self) -> Path:
        """Running containers."""
        return self.run / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def cni_conf(self) -> Path:
        """The pod network, as the CRI reads it."""
        return self.conf / "cni"

    @property
    def cni_data(self) -> Path:
        """Which pod has which address."""
        return self.state / "cni"

    @property
    def bins(self) -> Path:
        """Built and downloaded programs, a directory for each key."""
        return self.cache / "bin"

    @property
    def registry_data(self) -> Path:
        """The image registry's storage."""
        return self.cache / "registry"

    @property
    def buildah_root(self) -> Path:
        """Image builds keep their layers here, apart from the user's own images."""
        return self.cache / "buildah"

    @property
    def buildah_run(self) -> Path:
        """Image builds' run-time state."""
        return self.state / "buildah"

    @property
    def cache_logs(self) -> Path:
        """Logs of builds, which must survive ``down``."""
        return self.cache / "logs"
