"""Addresses, bridge, packet-filter rules and network namespaces: set up and, above all, removed."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import shlex
from pathlib import Path

from dev.cluster import settings
from dev.cluster.packages import which
from dev.cluster.paths import Layout
from dev.cluster.run import run

NETNS_DIR = Path("/var/run/netns")
_SYSCTL = Path("/proc/sys/net")
#: Set while the cluster is up; None: set by kube-proxy, and put back with the rest.
_SETTINGS: dict[str, str | None] = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/route_localnet": None,
    # A pod's end on this machine needs no address. With one, every pod that comes or goes is a
    # change of network to the browsers here, which then abort what they are loading.
    "ipv6/conf/default/disable_ipv6": "1",
}
#: Fixed, or the bridge's would change with the pods on it.
_BRIDGE_MAC = "02:64:70:00:00:01"
_TABLES = ("filter", "nat", "mangle", "raw")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHAIN_PREFIXES = ("KUBE-", "CNI-")


def ip(*args: str, check: bool = True) -> str:
    """iproute2's ``ip``."""
    return run([which("ip") or "ip", *args], what=f"ip {' '.join(args)}", check=check)


def addresses_in(ip_json: str, network: str) -> list[str]:
    """The IPv4 addresses inside ``network`` that ``ip -json address`` lists."""
    inside = ipaddress.ip_network(network)
    return [
        info["local"]
        for link in json.loads(ip_json or "[]")
        for info in link.get("addr_info", [])
        if info.get("family") == "inet" and ipaddress.ip_address(info["local"]) in inside
    ]


def our_lo_addresses() -> list[str]:
    """Return the addresses that this package has added to ``lo``."""
    return addresses_in(ip("-json", "address", "show", "dev", "lo"), settings.LO_RANGE)


def set_up(layout: Layout) -> None:
    """Addresses, bridge, forwarding, and the iptables flavour that works here.

    All addresses are there from the start, and none comes or goes with pods and services.
    """
    _use_iptables(layout)
    remember = layout.state / "sysctl.json"
    before: dict[str, str] = json.loads(remember.read_text()) if remember.exists() else {}
    present = {name: value for name, value in _SETTINGS.items() if (_SYSCTL / name).exists()}
    for name in present:
        before.setdefault(name, (_SYSCTL / name).read_text().strip())
    remember.write_text(json.dumps(before))
    for name, value in present.items():
        if value is not None:
            (_SYSCTL / name).write_text(f"{value}\n")
    _set_up_lo()
    _set_up_bridge()


def _set_up_lo() -> None:
    """The node's address; and the pool, every address of which is local by one route."""
    if settings.NODE_IP not in our_lo_addresses():
        ip("address", "add", f"{settings.NODE_IP}/32", "dev", "lo")
    if not pool_route():
        ip("route", "add", "local", settings.LB_POOL, "dev", "lo")


def _set_up_bridge() -> None:
    """The pods' bridge, as CNI would make it for the first pod."""
    if bridge_exists():
        return
    bridge, net = settings.BRIDGE, ipaddress.ip_network(settings.NODE_POD_CIDR)
    ip("link", "add", bridge, "address", _BRIDGE_MAC, "type", "bridge")
    ip("address", "add", f"{next(net.hosts())}/{net.prefixlen}", "dev", bridge)
    ip("link", "set", bridge, "up")


def pool_route() -> str:
    """The pool's route, empty when it is not there."""
    return ip("route", "show", "table", "local", settings.LB_POOL).strip()


def _use_iptables(layout: Layout) -> None:
    """Link one flavour's programs into a directory that comes first on the components' PATH.

    Debian's default may be nf_tables on a kernel without it, or the other way round.
    """
    default = which("iptables")
    flavour = ""
    if default is None or not _works(default):
        flavour = next(
            (f for f in ("-nft", "-legacy") if (p := which(f"iptables{f}")) and _works(p)), ""
        )
    layout.path_bin.mkdir(parents=True, exist_ok=True)
    for family in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            program = which(f"{family}{flavour}{suffix}")
            link = layout.path_bin / f"{family}{suffix}"
            if program is None or (link.is_symlink() and link.readlink() == Path(program)):
                continue
            link.unlink(missing_ok=True)
            link.symlink_to(program)


def _works(program: str) -> bool:
    out = run([program, "-t", "nat", "-S"], what="iptables", check=False)
    return "-P PREROUTING" in out


def components_path(layout: Layout, bins: Path) -> str:
    """PATH of the components that run other programs: the same whoever runs ``up``."""
    return f"{layout.path_bin}:{bins}:{_SYSTEM_PATH}"


def filter_cleanup(saved: str) -> list[str]:
    """Lines for iptables-restore that remove our rules and chains from one saved table.

    ``saved`` is the output of ``iptables-save -t TABLE``. First go the rules that jump to our
    chains from others, then the chains themselves, all emptied before any is deleted.
    """
    chains = [
        line[1:].split()[0]
        for line in saved.splitlines()
        if line.startswith(":") and line[1:].startswith(_CHAIN_PREFIXES)
    ]
    jumps: list[str] = []
    for line in saved.splitlines():
        words = shlex.split(line) if line.startswith("-A ") else []
        if not words or words[1] in chains:
            continue
        target = words[words.index("-j") + 1] if "-j" in words else ""
        if target in chains:
            jumps.append(f"-D {line.removeprefix('-A ')}")
    return [*jumps, *(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains)]


def remove_rules() -> None:
    """Remove every rule and chain of Kubernetes and CNI, whichever flavour made them."""
    for family in ("iptables", "ip6tables"):
        for flavour in ("-nft", "-legacy"):
            save, restore = (which(f"{family}{flavour}{end}") for end in ("-save", "-restore"))
            if save is None or restore is None:
                continue
            for table in _TABLES:
                saved = run([save, "-t", table], what="iptables-save", check=False)
                lines = filter_cleanup(saved)
                if lines:
                    text = "\n".join([f"*{table}", *lines, "COMMIT", ""])
                    # All at once: one by one takes seconds.
                    run([restore, "--noflush", "-w", "10"], what="iptables-restore", stdin=text)


def network_namespaces() -> list[str]:
    """Pods' network namespaces that CNI has made (``cni-`` and a UUID)."""
    with contextlib.suppress(OSError):
        return sorted(path.name for path in NETNS_DIR.iterdir() if path.name.startswith("cni-"))
    return []


def bridge_exists() -> bool:
    """Return True if the pods' bridge exists."""
    return bool(ip("link", "show", "dev", settings.BRIDGE, check=False))


def remove_bridge() -> None:
    """Delete the bridge with the pods' ends of it."""
    if not bridge_exists():
        return
    ports = json.loads(ip("-json", "link", "show", "master", settings.BRIDGE, check=False) or "[]")
    for port in ports:
        ip("link", "del", port["ifname"], check=False)
    ip("link", "del", settings.BRIDGE, check=False)


def tear_down(layout: Layout) -> None:
    """Undo everything; each step goes on where an earlier one was interrupted."""
    for name in network_namespaces():
        ip("netns", "del", name, check=False)
    remove_bridge()
    remove_rules()
    for address in our_lo_addresses():
        ip("address", "del", f"{address}/32", "dev", "lo", check=False)
    if pool_route():
        ip("route", "del", "local", settings.LB_POOL, "dev", "lo", check=False)
    remember = layout.state / "sysctl.json"
    with contextlib.suppress(OSError, ValueError):
        for name, value in json.loads(remember.read_text()).items():
            (_SYSCTL / name).write_text(f"{value}\n")
