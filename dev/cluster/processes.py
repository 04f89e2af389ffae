"""Background processes, known by pid *and* start time, never by name.

A pid alone may have been given to somebody else since; together with the start time it cannot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.components import Component
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout


@dataclass(frozen=True)
class Record:
    """A process that was started."""

    name: str
    pid: int
    start: int
    """Start time in clock ticks since boot, as /proc tells."""
    boot: str
    fingerprint: str
    """Of what it was started with."""


#: A process records itself before it becomes the program, so that whenever `up` is interrupted,
#: or even killed, nothing runs that is not known. Arguments: file, JSON fields, program...
_LAUNCH = """
field_22() { shift 19; echo "$1"; }
read -r stat < "/proc/$$/stat"
file=$1 fields=$2
shift 2
printf '{%s, "pid": %d, "start": %d}' "$fields" "$$" "$(field_22 ${stat##*) })" > "$file.partial"
mv -f "$file.partial" "$file"
exec "$@"
"""


def start_time(pid: int) -> int | None:
    """A process's start time, None when there is none (a zombie counts as none)."""
    try:
        # The second field is the program's name in brackets, which may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Names this boot of the machine; start times of another mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def fingerprint(component: Component) -> str:
    """Changes when the component would be started differently."""
    digest = hashlib.sha256()
    digest.update(json.dumps([component.argv, sorted(component.env.items())]).encode())
    for path in component.config:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Processes:
    """The processes of one cluster, recorded in its run directory."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def _file(self, name: str) -> Path:
        return self._layout.run / f"{name}.json"

    def log(self, name: str) -> Path:
        """The process's log."""
        return self._layout.logs / f"{name}.log"

    def record(self, name: str) -> Record | None:
        """The record of a process that is alive."""
        try:
            record = Record(**json.loads(self._file(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        if record.boot != boot_id() or start_time(record.pid) != record.start:
            return None
        return record

    def names(self) -> list[str]:
        """Every process with a record, alive or not."""
        return sorted(path.stem for path in self._layout.run.glob("*.json"))

    def ensure(self, component: Component) -> bool:
        """Have it run as described; True when it was started now."""
        wanted = fingerprint(component)
        record = self.record(component.name)
        if record is not None:
            if record.fingerprint == wanted:
                return False
            self.stop(component.name)
        self._start(component, wanted)
        return True

    def _start(self, component: Component, wanted: str) -> None:
        self._layout.run.mkdir(parents=True, exist_ok=True)
        self._layout.logs.mkdir(parents=True, exist_ok=True)
        log = self.log(component.name)
        if log.exists() and log.stat().st_size > 0:
            log.replace(log.with_suffix(".log.1"))
        # Nothing of the caller's own settings for Kubernetes may leak into a component.
        env = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        env.update(component.env)
        known = {"name": component.name, "boot": boot_id(), "fingerprint": wanted}
        fields = json.dumps(known)[1:-1]
        launch = ("/bin/sh", "-c", _LAUNCH, "launch", str(self._file(component.name)), fields)
        with log.open("ab") as sink:
            child = subprocess.Popen(
                [*launch, *component.argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=component.cwd or self._layout.state,
                start_new_session=True,
            )
        _CHILDREN.append(child)
        while child.poll() is None:
            record = self.record(component.name)
            if record is not None and record.pid == child.pid:
                return
            time.sleep(0.005)

    def check(self, name: str) -> None:
        """Raise when the process has ended."""
        for child in _CHILDREN:
            child.poll()
        if self.record(name) is None:
            raise ClusterError(
                f"{name} ended right after it was started",
                log=self.log(name),
                hint="read the end of the log; `python -m dev.cluster down` and `up` start afresh",
            )

    def stop(self, name: str, patience: float = 10.0) -> bool:
        """End it: SIGTERM, then SIGKILL. True when it was running."""
        record = self.record(name)
        if record is not None:
            end(record.pid, record.start, patience)
        self._file(name).unlink(missing_ok=True)
        return record is not None


#: Kept so that a child which ends is reaped and not taken for alive.
_CHILDREN: list[subprocess.Popen[bytes]] = []


def end(pid: int, start: int, patience: float) -> None:
    """End exactly the process with that pid and start time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle pins the process: checked once, it cannot become another.
        if start_time(pid) != start:
            return
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            if number == signal.SIGTERM and patience <= 0:
                continue
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], wait)[0]:
                break
    finally:
        os.close(handle)
    for child in _CHILDREN:
        child.poll()
