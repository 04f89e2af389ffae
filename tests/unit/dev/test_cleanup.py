import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from dev.cluster.components import Component
from dev.cluster.errors import ClusterError
from dev.cluster.leftovers import mounts_below, shim_arguments_are_ours
from dev.cluster.network import addresses_in, filter_cleanup
from dev.cluster.packages import missing
from dev.cluster.paths import Layout
from dev.cluster.processes import Processes, Record, boot_id, end, fingerprint, start_time

SAVED = """# Generated
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:MINE - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-1a2b - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -j MINE
-A POSTROUTING -s 198.18.0.5/32 -m comment --comment "name: \\"x\\"" -j CNI-1a2b
-A KUBE-SERVICES -d 198.19.0.1/32 -j CNI-1a2b
-A MINE -j RETURN
COMMIT
"""


def test_only_rules_and_chains_of_ours_are_removed_jumps_first():
    assert filter_cleanup(SAVED) == [
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        r'-D POSTROUTING -s 198.18.0.5/32 -m comment --comment "name: \"x\"" -j CNI-1a2b',
        "-F KUBE-SERVICES",
        "-F CNI-1a2b",
        "-X KUBE-SERVICES",
        "-X CNI-1a2b",
    ]


def test_nothing_to_remove_where_nothing_is_ours():
    assert filter_cleanup("*nat\n:MINE - [0:0]\n-A PREROUTING -j MINE\nCOMMIT\n") == []


def test_mounts_inside_are_found_latest_first_and_others_left():
    text = "\n".join(
        f"1 1 0:1 / {point} rw - tmpfs tmpfs rw"
        for point in ("/", "/state", "/state/a", r"/state/a/with\040space", "/statement", "/other")
    )
    assert mounts_below(text, Path("/state")) == ["/state/a/with space", "/state/a", "/state"]


def test_shims_are_known_by_their_containerd_not_by_name_alone():
    socket = Path("/var/lib/x/run/containerd.sock")
    argv = ["/bins/containerd-shim-runc-v2", "-address", str(socket), ""]
    assert shim_arguments_are_ours(argv, socket)
    assert not shim_arguments_are_ours(argv, Path("/run/containerd/containerd.sock"))
    assert not shim_arguments_are_ours(["/bin/cat", str(socket)], socket)
    assert not shim_arguments_are_ours([], socket)


def test_addresses_of_our_range_are_found():
    infos = [{"family": "inet", "local": a} for a in ("127.0.0.1", "198.19.254.1", "198.19.255.9")]
    text = json.dumps([{"addr_info": [*infos, {"family": "inet6", "local": "::1"}]}])
    assert addresses_in(text, "198.19.254.0/23") == ["198.19.254.1", "198.19.255.9"]
    assert addresses_in("", "198.19.254.0/23") == []


def test_only_missing_packages_are_installed():
    assert missing(lambda _program: True, True, True) == []
    assert missing(lambda program: program != "ip", False, True) == [
        "containernetworking-plugins",
        "iproute2",
    ]


@pytest.fixture
def layout(tmp_path):
    (tmp_path / "run").mkdir()
    return Layout(state=tmp_path, cache=tmp_path / "cache")


@pytest.fixture
def sleeper():
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def write(layout, record):
    (layout.run / f"{record.name}.json").write_text(json.dumps(asdict(record)))


def test_a_pid_given_to_somebody_else_since_is_not_ours(layout, sleeper):
    start = start_time(sleeper.pid)
    assert start is not None
    record = Record("thing", sleeper.pid, start + 1, boot_id(), "x")
    write(layout, record)
    assert Processes(layout).record("thing") is None
    assert Processes(layout).stop("thing") is False
    end(sleeper.pid, start + 1, 0)
    assert sleeper.poll() is None


def test_a_record_of_another_boot_is_not_ours(layout, sleeper):
    start = start_time(sleeper.pid)
    assert start is not None
    write(layout, Record("thing", sleeper.pid, start, "another boot", "x"))
    assert Processes(layout).record("thing") is None


def test_a_recorded_process_is_known_and_ended(layout, sleeper):
    start = start_time(sleeper.pid)
    assert start is not None
    write(layout, Record("thing", sleeper.pid, start, boot_id(), "x"))
    assert Processes(layout).stop("thing") is True
    assert sleeper.wait(timeout=5) != 0
    assert Processes(layout).names() == []


def test_a_torn_record_counts_as_none(layout):
    (layout.run / "thing.json").write_text('{"name": "thi')
    assert Processes(layout).record("thing") is None


def test_started_once_and_again_only_when_described_differently(layout):
    processes = Processes(layout)
    try:
        assert processes.ensure(Component("s", ("sleep", "600"))) is True
        assert processes.ensure(Component("s", ("sleep", "600"))) is False
        assert processes.ensure(Component("s", ("sleep", "601"))) is True
        record = processes.record("s")
        assert record is not None
        assert record.start == start_time(record.pid)
    finally:
        assert processes.stop("s") is True


def test_a_program_that_cannot_be_started_is_named_with_its_log(layout):
    processes = Processes(layout)
    processes.ensure(Component("s", ("/nonesuch",)))

    def check_until_it_ends() -> None:
        while True:
            processes.check("s")

    with pytest.raises(ClusterError, match="s ended") as raised:
        check_until_it_ends()
    assert raised.value.log is not None
    assert "nonesuch" in raised.value.log.read_text()


def test_the_fingerprint_follows_configuration_files(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text("1")
    component = Component("x", ("x",), config=(conf,))
    before = fingerprint(component)
    conf.write_text("2")
    assert fingerprint(component) != before


def test_a_process_that_is_not_there_has_no_start_time():
    assert start_time(2**22 + 1) is None
    assert start_time(os.getpid()) is not None
