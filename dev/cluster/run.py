"""Run a program to its end, with its output in a log, and never leave it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev.cluster import settings
from dev.cluster.errors import ClusterError

_live: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()
_stopping = threading.Event()


def bypass_proxies() -> None:
    """Reach the cluster's own addresses directly, also where a proxy leads to the world outside.

    Programs started from here inherit it (Go ones read networks too, Python reads names only).
    """
    own = f"localhost,127.0.0.1,{settings.NODE_IP},198.18.0.0/15,.svc,.{settings.DOMAIN}"
    for name in ("NO_PROXY", "no_proxy"):
        given = os.environ.get(name, "")
        if own not in given:
            os.environ[name] = f"{given},{own}" if given else own


def stop_children() -> None:
    """End every program still running, with its children, and start no more (after Ctrl-C)."""
    _stopping.set()
    with _lock:
        children = list(_live)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            # Each was started as the leader of its own process group.
            os.killpg(child.pid, signal.SIGTERM)


def run(
    argv: Sequence[str | Path],
    *,
    what: str,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    hint: str | None = None,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
) -> str:
    """Run ``argv`` and return its standard output.

    Output is appended to ``log`` as it comes and given to ``on_line`` a line at a time. A failure
    raises :class:`ClusterError` saying that ``what`` failed; without a log it quotes the last
    lines instead.
    """
    if _stopping.is_set():
        raise ClusterError(f"{what}: interrupted")
    args = [str(arg) for arg in argv]
    lines: list[str] = []
    sink = None
    try:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            sink = log.open("a", encoding="utf-8")
        try:
            child = subprocess.Popen(
                args,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if log is not None else subprocess.PIPE,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ClusterError(f"{what}: cannot run {args[0]}: {error}", hint=hint) from error
        with _lock:
            _live.add(child)
        try:
            if sink is None:
                out, err = child.communicate(stdin)
                lines = out.splitlines(keepends=True)
                tail = (err or out).strip().splitlines()[-4:]
            else:
                tail = []
                if stdin is not None and child.stdin is not None:
                    child.stdin.write(stdin)
                    child.stdin.close()
                assert child.stdout is not None
                with child.stdout:
                    for line in child.stdout:
                        sink.write(line)
                        sink.flush()
                        lines.append(line)
                        if on_line is not None:
                            on_line(line.rstrip("\n"))
                child.wait()
        finally:
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            with _lock:
                _live.discard(child)
    finally:
        if sink is not None:
            sink.close()
    if check and child.returncode != 0:
        detail = f": {' / '.join(tail)}" if tail else ""
        raise ClusterError(f"{what} failed (exit {child.returncode}){detail}", log=log, hint=hint)
    return "".join(lines)
