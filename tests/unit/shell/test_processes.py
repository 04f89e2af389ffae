from __future__ import annotations

import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.errors import PortalError
from portal.shell.processes import (
    COMMANDS,
    LONGEST_LINE,
    MOST,
    MOST_BYTES,
    Parser,
    Snapshot,
    process,
    rows,
    totals,
)

STAT = (
    "{pid} ({name}) S {parent} 1 1 0 -1 4194560 100 0 0 0 {user} {system} 0 0 20 0 {threads} 0 "
    "{start} 1000000 {pages} 18446744073709551615"
)


def stat(pid: int, name: str = "python", parent: int = 0, user: int = 0, pages: int = 10) -> str:
    return STAT.format(
        pid=pid, name=name, parent=parent, user=user, system=0, threads=2, start=500, pages=pages
    )


def said(at: float, *stats: str, commands: str = "") -> bytes:
    lines = ["M 9", "P 4", f"U {at}", *(f"S {each}" for each in stats), commands, "E", ""]
    return "\n".join(lines).encode()


def test_a_process_is_read_whatever_its_name_is() -> None:
    found = process(stat(7, name="a) b ((", user=250), 4096.0)
    assert found is not None
    assert (found.pid, found.name, found.state, found.threads) == (7, "a) b ((", "S", 2)
    assert (found.cpu_seconds, found.memory, found.started) == (2.5, 40960.0, 5.0)
    assert process("7 (cut", 4096.0) is None
    assert process("", 4096.0) is None


def test_cpu_is_what_was_used_between_two_snapshots() -> None:
    (before,) = Parser().feed(said(100, stat(1, user=1000), stat(2, user=50)))
    (now,) = Parser().feed(said(104, stat(1, user=1200), stat(2, user=50), stat(3, user=40)))
    assert [each.cpu for each in rows(None, before)] == [None, None]
    found = {each.pid: each.cpu for each in rows(before, now)}
    assert found == {1: 0.5, 3: 0.1, 2: 0.0}
    assert next(iter(rows(before, now))).pid == 1, "the busiest first"
    cpu, memory = totals(rows(before, now))
    assert cpu == pytest.approx(0.6)
    assert memory == 3 * 40960


def test_a_pid_that_is_used_again_is_another_process() -> None:
    (before,) = Parser().feed(said(100, stat(1, user=90000)))
    later = stat(1, user=10).replace(" 500 ", " 9900 ")
    (now,) = Parser().feed(said(101, later))
    assert [each.cpu for each in rows(before, now)] == [0.1]


def test_the_program_that_reads_them_is_left_out() -> None:
    (found,) = Parser().feed(said(1, stat(1), stat(9, "sh"), stat(10, "grep", parent=9)))
    assert [each.pid for each in found.processes] == [1]


def test_command_lines_are_shown_without_secrets() -> None:
    commands = "/proc/1/cmdline:python\0-m\0app\0--password\0hunter2hunter2\0TOKEN=abcdefgh12345\0"
    (found,) = Parser().feed(said(1, stat(1), commands=commands))
    words = found.processes[0].command
    assert words.startswith("python -m app")
    assert "hunter2" not in words
    assert "abcdefgh12345" not in words


@given(st.integers(1, 40))
def test_it_is_the_same_however_it_arrives(size: int) -> None:
    whole = said(5, stat(1), stat(2), commands="/proc/1/cmdline:a\0b\0") * 2
    parser = Parser()
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    found = [each for part in parts for each in parser.feed(part)]
    assert found == Parser().feed(whole)
    assert len(found) == 2


@given(st.binary(max_size=300))
def test_whatever_a_container_writes_breaks_nothing(noise: bytes) -> None:
    parser = Parser()
    parser.feed(noise)
    parser.feed(b"\nU x\nS " + noise + b"\n" + noise)
    assert len(parser.feed(b"\nE\n")) == 1


def test_many_processes_are_cut() -> None:
    (found,) = Parser().feed(said(1, *(stat(pid) for pid in range(100, 100 + 2 * MOST))))
    assert len(found.processes) == MOST


def test_a_long_command_line_is_cut_before_the_argument_that_does_not_fit() -> None:
    long = "x" * LONGEST_LINE
    commands = f"/proc/1/cmdline:java\0-jar\0{long}\0end\0\n/proc/2/cmdline:{long}"
    whole = said(1, stat(1), stat(2), commands=commands)
    for size in (len(whole), 100):
        parser = Parser()
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        (found,) = [each for part in parts for each in parser.feed(part)]
        assert [each.command for each in found.processes] == ["java -jar", ""]


def test_a_container_cannot_fill_the_portals_memory() -> None:
    parser = Parser()
    tracemalloc.start()
    try:
        for pid in range(2000):
            parser.feed(b"/proc/%d/cmdline:" % pid + b"a" * 1500 + b"\n")
        for _ in range(20):
            parser.feed(b"a" * 2**15)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * MOST * LONGEST_LINE
    with pytest.raises(PortalError, match="than the portal reads"):
        parser.feed(b"\n" * MOST_BYTES)


def test_each_snapshot_may_have_its_bytes() -> None:
    parser, part = Parser(), said(1, stat(1), commands="x" * (MOST_BYTES // 2))
    assert len([each for _ in range(5) for each in parser.feed(part)]) == 5


@pytest.mark.parametrize("command", [COMMANDS[0], (sys.executable, *COMMANDS[4][1:])])
def test_the_programs_tell_what_runs(command: tuple[str, ...]) -> None:
    answer = subprocess.run(command, input=b"\n\n", capture_output=True, timeout=60, check=True)
    found: list[Snapshot] = Parser().feed(answer.stdout)
    assert len(found) == 2
    assert all(each.at > 0 and each.processes for each in found)
    assert any(each.command for each in found[0].processes)
    assert any(each.memory > 2**20 for each in found[0].processes)
