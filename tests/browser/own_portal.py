"""A portal of a test's own, as a process beside the one in the cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev import demo
from tests.browser.conftest import NAMESPACE

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def own_portal(folder: Path, **settings: str) -> Generator[str]:
    """Yield the address of a portal whose log is in ``folder``, with these settings' variables."""
    log = folder / "log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("DASH_PORTAL_")},
        "DASH_PORTAL_KUBECONFIG": os.environ["KUBECONFIG"],
        "DASH_PORTAL_NAMESPACES": NAMESPACE,
        "DASH_PORTAL_POD_SECURITY_NAMESPACE": demo.RESTRICTED,
        "DASH_PORTAL_CHART_PATH": str(ROOT / "charts" / "dash-app"),
        "GUNICORN_CMD_ARGS": f"--bind {address}",
        **{f"DASH_PORTAL_{name.upper()}": value for name, value in settings.items()},
    }
    with log.open("w") as output:
        portal = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "portal.app:create_app()"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait_until_ready(f"http://{address}/readyz", portal, log)
            yield f"http://{address}"
            assert portal.poll() is None, "it has not ended, whatever happened"
        finally:
            portal.terminate()
            portal.wait(30)
    assert "Traceback" not in log.read_text()


def _wait_until_ready(url: str, portal: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and portal.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the portal did not become ready:\n{log.read_text()}")
