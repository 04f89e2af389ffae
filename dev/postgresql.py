"""A PostgreSQL of its own for tests and benchmarks, from the system's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.cluster import packages
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout

PACKAGE = "postgresql"
USER = "postgres"
OPTIONS = ("listen_addresses=", "fsync=off", "max_connections=40", "shared_buffers=16MB")


class Server:
    """A server with a folder of its own, reached through a socket in it."""

    def __init__(self, folder: Path, programs: Path, *options: str) -> None:
        self._options = options
        self.url = f"postgresql://{USER}@/postgres?host={folder}"
        self._folder = folder
        self._programs = programs
        self._account = {"user": USER, "group": USER} if os.geteuid() == 0 else {}

    def make(self) -> None:
        """Make its files."""
        if self._account:
            shutil.chown(self._folder, USER, USER)
        self._run("initdb", "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = " ".join(
            f"-c {each}"
            for each in (*OPTIONS, *self._options, f"unix_socket_directories={self._folder}")
        )
        log = self._folder / "log"
        self._run("pg_ctl", "-w", "-s", "-l", str(log), "-o", options, "start")

    def stop(self) -> None:
        """End it and all its connections at once."""
        self._run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            extra_groups=[] if self._account else None,
            **self._account,
        )


def programs() -> Path:
    """The folder of PostgreSQL's programs, the newest; installed first where that is possible.

    Raises:
        ClusterError: there are none, and no way to install them.
    """
    found = _found()
    if found is None and os.geteuid() == 0 and packages.which("apt-get"):
        print("installing PostgreSQL (once)", flush=True)
        packages.apt_install(Layout.default(), [PACKAGE], print)
        found = _found()
    if found is None:
        raise ClusterError("PostgreSQL is not installed", hint=f"apt-get install {PACKAGE}")
    return found


def _found() -> Path | None:
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(
        (path.parent for path in folders), key=lambda each: int(each.parent.name), default=None
    )


@contextmanager
def running(*options: str) -> Iterator[Server]:
    """A running server with more ``options``, gone with its files at the end."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = Server(Path(folder), programs(), *options)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
