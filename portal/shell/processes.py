"""The processes of a container, from what Linux tells in ``/proc``. Pure.

A program in the container writes a snapshot for each line that it reads. It is a few lines for a
shell, which needs nothing but the shell itself, or for Python where there is no shell:

    M 12        its own process, which is left out
    P 4         KiB of a page of memory
    U 100.5     seconds since the machine started
    S 1 (…) …   a process: the line of its ``stat``
    /proc/1/cmdline:…   its command line, where ``grep`` is there to read it
    E           the end of the snapshot
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.scrubber import Scrubber
from portal.domain.secrets import redacted

MOST = 300
"""The most processes of a snapshot, and the most command lines."""
MOST_BYTES = 4 * 2**20
"""The most bytes of a snapshot."""
LONGEST_LINE = 2048
"""The most bytes of a line that are read. Of a command line that is longer, the argument that is
cut goes too: half of a secret would not be recognised as one."""
TICKS = 100.0
"""Ticks of the CPU's time in a second, as Linux shows them to programs on every platform."""
LONGEST = 300
"""The most characters of a command line."""

_SHELL = """
echo "M $$"
while read -r k v u; do
  case $k in KernelPageSize:) echo "P $v"; break;; esac
done </proc/self/smaps
while read -r go; do
  read -r up idle </proc/uptime; echo "U $up"
  n=0
  for d in /proc/[0-9]*; do
    n=$((n+1)); [ $n -gt 300 ] && break
    if read -r s <$d/stat; then echo "S $s"; fi
  done 2>/dev/null
  if command -v grep >/dev/null 2>&1; then grep -aH . /proc/[0-9]*/cmdline; echo; fi
  echo E
done 2>/dev/null
"""

_PYTHON = """
import glob, os, sys
print("M", os.getpid()); print("P", os.sysconf("SC_PAGE_SIZE") // 1024, flush=True)
def read(path):
    with open(path, "rb") as file: return file.read(4096).decode(errors="replace")
for _ in sys.stdin:
    print("U", read("/proc/uptime").split()[0])
    for d in glob.glob("/proc/[0-9]*")[:300]:
        try:
            line = read(d + "/cmdline").replace(chr(10), " ")
            print("S", read(d + "/stat").strip()); print(d + "/cmdline:" + line)
        except OSError: pass
    print("E", flush=True)
"""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sh", "-c", _SHELL),
    ("bash", "-c", _SHELL),
    ("ash", "-c", _SHELL),
    ("busybox", "sh", "-c", _SHELL),
    ("python3", "-c", _PYTHON),
    ("python", "-c", _PYTHON),
)
"""The programs that are tried in turn."""


class Process(Struct, frozen=True):
    """A process: its CPU time in seconds, its resident memory in bytes."""

    pid: int
    parent: int
    name: str
    state: str
    cpu_seconds: float
    memory: float
    threads: int
    started: float
    command: str = ""


class Snapshot(Struct, frozen=True):
    """All processes at ``at``, in seconds since the machine started."""

    at: float
    processes: tuple[Process, ...]


class ProcessRow(Struct, frozen=True):
    """A process as a page shows it; ``cpu`` is its share of one core, None at first."""

    pid: int
    name: str
    state: str
    cpu: float | None
    memory: float
    threads: int
    command: str
    age: float


class Parser:
    """Makes snapshots of what the program writes, however it arrives, in bounded memory."""

    def __init__(self) -> None:
        self.scrubber = Scrubber(())
        """Hides the secrets of the app in command lines."""
        self._rest = b""
        self._own = 0
        self._page = 4096.0
        self._at = 0.0
        self._bytes = 0
        self._stats: list[str] = []
        self._commands: dict[int, str] = {}

    def feed(self, data: bytes) -> list[Snapshot]:
        """Return the snapshots that ``data`` completes. It takes a while: do it in a thread.

        Raises:
            PortalError: a snapshot is longer than ``MOST_BYTES``.
        """
        found: list[Snapshot] = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._count(len(line) + 1)
            snapshot = self._line(self._rest + line)
            self._rest = b""
            if snapshot is not None:
                found.append(snapshot)
        self._count(len(rest))
        self._rest = (self._rest + rest)[: LONGEST_LINE + 1]
        return found

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > MOST_BYTES:
            raise PortalError(
                "The container tells more about its processes than the portal reads "
                f"({MOST_BYTES // 2**20} MiB)."
            )

    def _line(self, line: bytes) -> Snapshot | None:
        text = line[:LONGEST_LINE].decode(errors="replace").rstrip("\r")
        kind, _, value = text.partition(" ")
        match kind:
            case "M" if value.isdecimal():
                self._own = int(value)
            case "P" if value.isdecimal():
                self._page = int(value) * 1024.0
            case "U":
                self._at = _number(value)
                self._stats, self._commands = [], {}
            case "S":
                if len(self._stats) < MOST:
                    self._stats.append(value)
            case "E":
                return self._snapshot()
            case _ if text.startswith("/proc/"):
                path, _, command = text.partition("/cmdline:")
                pid = path.removeprefix("/proc/")
                if pid.isdecimal() and len(self._commands) < MOST:
                    if len(line) > LONGEST_LINE:
                        command = command.rpartition("\0")[0]
                    self._commands[int(pid)] = command
            case _:
                pass
        return None

    def _snapshot(self) -> Snapshot:
        self._bytes = 0
        found = [made for each in self._stats if (made := process(each, self._page)) is not None]
        shown = [each for each in found if self._own not in {each.pid, each.parent}]
        return Snapshot(
            self._at,
            tuple(
                _commanded(each, self._commands.get(each.pid, ""), self.scrubber) for each in shown
            ),
        )


def process(stat: str, page: float) -> Process | None:
    """Return the process that a line of ``/proc/<pid>/stat`` tells of; None if it is cut off."""
    head, _, tail = stat.rpartition(")")
    pid, _, name = head.partition("(")
    fields = tail.split()
    if not pid.strip().isdecimal() or len(fields) < 22:
        return None
    return Process(
        pid=int(pid),
        parent=int(_number(fields[1])),
        name=name,
        state=fields[0],
        cpu_seconds=(_number(fields[11]) + _number(fields[12])) / TICKS,
        memory=_number(fields[21]) * page,
        threads=int(_number(fields[17])),
        started=_number(fields[19]) / TICKS,
    )


def _commanded(process: Process, line: str, scrubber: Scrubber) -> Process:
    """Return the process with its command line, without secrets and what looks like one in it."""
    arguments = [scrubber.text(each) for each in line.split("\0") if each]
    shown = redacted(arguments)
    words = " ".join(map(str, shown)) if isinstance(shown, list) else ""  # pyright: ignore
    return replace(process, command=words[:LONGEST])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def rows(before: Snapshot | None, now: Snapshot) -> tuple[ProcessRow, ...]:
    """Return the processes, busiest first; their CPU is that between two snapshots."""
    earlier: Mapping[tuple[int, float], Process] = (
        {(each.pid, each.started): each for each in before.processes} if before else {}
    )
    passed = now.at - before.at if before else 0.0
    made = [
        _row(each, earlier.get((each.pid, each.started)), passed, now) for each in now.processes
    ]
    return tuple(sorted(made, key=lambda each: (-(each.cpu or 0.0), -each.memory, each.pid)))


def _row(process: Process, earlier: Process | None, passed: float, now: Snapshot) -> ProcessRow:
    cpu = None
    if passed > 0:
        # A process that was not there before has used all its time since then.
        cpu = (process.cpu_seconds - (earlier.cpu_seconds if earlier else 0.0)) / passed
    return ProcessRow(
        pid=process.pid,
        name=process.name,
        state=process.state,
        cpu=None if cpu is None else max(cpu, 0.0),
        memory=process.memory,
        threads=process.threads,
        command=process.command,
        age=max(now.at - process.started, 0.0),
    )


def totals(found: Sequence[ProcessRow]) -> tuple[float | None, float]:
    """Return CPU in cores and memory in bytes of all; memory that is shared counts in each."""
    known = [each.cpu for each in found if each.cpu is not None]
    return (sum(known) if known else None), sum(each.memory for each in found)
