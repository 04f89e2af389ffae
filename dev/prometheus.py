"""A Prometheus of its own for tests, from the system's packages, with data that is given to it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.cluster import packages
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout
from dev.cluster.run import run

PACKAGE = "prometheus"
PROGRAMS = ("prometheus", "promtool")
READY = "Server is ready to receive web requests."
"""The end of its start, as its log says it."""


def programs() -> Path:
    """The folder of its programs; the package is unpacked into the cache if there are none.

    Unpacked, not installed: the package starts a service that scrapes.

    Raises:
        ClusterError: there are none, and no package to be had.
    """
    found = packages.which(PROGRAMS[0])
    if found and packages.which(PROGRAMS[1]):
        return Path(found).parent
    own = Layout.default().cache / "prometheus"
    there = own / "usr" / "bin"
    if all((there / each).exists() for each in PROGRAMS):
        return there
    if not (packages.which("apt-get") and packages.which("dpkg-deb")):
        raise ClusterError("Prometheus is not installed", hint=f"apt-get install {PACKAGE}")
    own.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=own.parent) as folder:
        get = ["apt-get", "download", PACKAGE]
        try:
            run(get, what="downloading Prometheus", cwd=Path(folder))
        except ClusterError:
            run(["apt-get", "update"], what="apt-get update", check=False)
            run(get, what="downloading Prometheus", cwd=Path(folder))
        (package,) = Path(folder).glob("*.deb")
        unpacked = Path(folder) / "unpacked"
        run(["dpkg-deb", "-x", package, unpacked], what="unpacking Prometheus")
        if not own.exists():
            unpacked.rename(own)
    return there


@contextmanager
def running(openmetrics: str) -> Iterator[str]:
    """The address of a running server with the samples of a text, gone with them at the end."""
    here = programs()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as folder:
        text, data = Path(folder) / "samples", Path(folder) / "data"
        config = Path(folder) / "prometheus.yml"
        config.write_text("scrape_configs: []\n")
        text.write_text(openmetrics)
        create = [here / "promtool", "tsdb", "create-blocks-from", "openmetrics", text, data]
        run(create, what="making the blocks of Prometheus")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        server = subprocess.Popen(
            [
                here / "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=90d",
                f"--web.listen-address={address}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stderr is not None
            lines: list[str] = []
            for line in server.stderr:
                lines.append(line)
                if READY in line:
                    break
            else:
                raise ClusterError(f"Prometheus did not start: {' '.join(lines[-3:])}")
            yield f"http://{address}"
        finally:
            server.terminate()
            server.communicate(timeout=30)
