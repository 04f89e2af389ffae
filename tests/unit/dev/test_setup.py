"""A machine that cannot have the Python environment is told so, and nothing else is run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dev.cluster import run as cluster_run

ROOT = Path(__file__).resolve().parents[3]
OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "HOW"}


@pytest.fixture
def make(tmp_path):
    """Run make in a copy of the Makefile, with a dev/venv made of these lines."""
    if shutil.which("make") is None:
        pytest.skip("no make here")

    def run(target, *lines, how=None):
        shutil.copy2(ROOT / "Makefile", tmp_path)
        program(tmp_path / "dev" / "venv", *lines)
        # As if typed: not as part of the make that runs these tests.
        env = {name: text for name, text in os.environ.items() if name not in OF_MAKE}
        return subprocess.run(
            ["make", target, *([f"HOW={how}"] if how else [])],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def program(path, *lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def test_make_stops_where_there_is_no_environment(make):
    done = make("unit", "echo no luck >&2", "exit 1")
    assert done.returncode != 0
    assert "no luck" in done.stderr
    assert "no Python environment" in done.stderr
    assert "/bin/python" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("target", "how", "runs"),
    [
        ("unit", None, "-m dev.check unit"),
        ("demo", None, "-m dev.demo"),
        ("demo", "local", "-m dev.demo --how local"),
    ],
)
def test_make_runs_the_environments_python(make, tmp_path, target, how, runs):
    program(tmp_path / "bin" / "python", 'echo "$@"')
    done = make(target, f"echo {tmp_path}", how=how)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{runs}\n"


def test_make_help_needs_no_environment(make):
    done = make("help", "exit 1")
    assert done.returncode == 0, done.stderr
    assert "a Kubernetes, the portal in it, and its URL" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="installs packages for root only")
def test_installing_python_asks_nothing_and_says_what_it_wants(tmp_path):
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    program(tmp_path / "apt-get", 'echo "apt-get $1 $DEBIAN_FRONTEND"', "exit 1")
    done = subprocess.run(
        [tmp_path / "bash", ROOT / "dev" / "venv"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "apt-get install noninteractive" in done.stderr
    assert "apt-get update noninteractive" in done.stderr
    assert "needs Python 3.11" in done.stderr


def test_the_clusters_own_addresses_are_reached_past_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    cluster_run.bypass_proxies()
    once = os.environ["NO_PROXY"]
    cluster_run.bypass_proxies()
    assert os.environ["NO_PROXY"] == once
    assert {"example.com", "127.0.0.1", "198.18.0.0/15"} <= set(once.split(","))
    assert "localhost" in os.environ["no_proxy"]
