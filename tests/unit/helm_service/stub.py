"""A stand-in for the helm program: writes down how it was called, then does as it is told."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = """#!{python}
import json, os, signal, subprocess, sys, time
told = json.load(open({told!r}))
stdin = sys.stdin.read() if told["read"] else None
config = os.environ.get("KUBECONFIG")
config = open(config).read() if config and os.path.exists(config) else None
child = None
if told["child"]:
    child = subprocess.Popen(["sleep", "60"], start_new_session=told["escapes"]).pid
if told["ignore_term"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    def ended(number, frame):
        open({seen!r} + ".term", "w").close()
        sys.exit(3)
    signal.signal(signal.SIGTERM, ended)
with open({seen!r} + ".new", "w") as file:
    json.dump({{"argv": sys.argv[1:], "stdin": stdin, "env": dict(os.environ),
               "pid": os.getpid(), "group": os.getpgid(0), "child": child,
               "kubeconfig": config}}, file)
os.rename({seen!r} + ".new", {seen!r})
if told["hang"]:
    while True:
        time.sleep(60)
sys.stdout.write(told["stdout"])
sys.stderr.write(told["stderr"])
sys.exit(told["status"])
"""


@dataclass
class Stub:
    """The program's path, and what it saw of its last call."""

    path: Path
    told: Path
    seen_file: Path

    def tell(self, **how: Any) -> None:
        default = {
            "stdout": "",
            "stderr": "",
            "status": 0,
            "read": True,
            "hang": False,
            "child": False,
            "escapes": False,
            "ignore_term": False,
        }
        self.seen_file.unlink(missing_ok=True)
        self.told.write_text(json.dumps(default | how))

    @property
    def seen(self) -> dict[str, Any]:
        return json.loads(self.seen_file.read_text())

    @property
    def terminated(self) -> bool:
        """Return True if it was asked to end, and had time to report it."""
        return Path(f"{self.seen_file}.term").exists()

    async def started(self) -> None:
        """Wait until it runs."""
        await asyncio.to_thread(self.wait)

    def wait(self) -> None:
        """Wait until it runs, and hold everything else up."""
        until = time.monotonic() + 20
        while not self.seen_file.exists():
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.01)


def make(folder: Path) -> Stub:
    stub = Stub(folder / "helm", folder / "told.json", folder / "seen.json")
    script = SCRIPT.format(python=sys.executable, told=str(stub.told), seen=str(stub.seen_file))
    stub.path.write_text(script)
    stub.path.chmod(0o755)
    stub.tell()
    return stub


async def gone(pid: int) -> None:
    """Wait until a process is no more (or only waits to be reaped by whoever adopted it)."""
    async with asyncio.timeout(20):
        while _alive(pid):  # noqa: ASYNC110 - nobody tells when it is gone
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
