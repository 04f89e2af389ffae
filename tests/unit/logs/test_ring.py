from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portal.logs.lines import Level, Line
from portal.logs.ring import LINES, Resume, Ring, cost


def line(text: str, at: int = 0) -> Line:
    return Line(at, Level.NONE, text)


def test_a_ring_keeps_the_newest_lines_and_their_numbers() -> None:
    ring = Ring(lines=3)
    ring.extend(line(str(number)) for number in range(5))
    assert (len(ring), ring.start, ring.end) == (3, 2, 5)
    assert [each.text for each in ring.between(0, 5)] == ["2", "3", "4"]
    assert [each.text for each in ring.between(3, 4)] == ["3"]
    assert ring.between(5, 9) == []
    assert ring.between(0, 1) == []


def test_a_ring_is_bounded_in_characters_and_keeps_at_least_one_line() -> None:
    ring = Ring(lines=100, characters=2 * cost(line("")) + 10)
    ring.extend([line("12345"), line("67890"), line("x")])
    assert [each.text for each in ring.between(0, 9)] == ["67890", "x"]
    ring.extend([line("y" * 500)])
    assert len(ring) == 1


@given(
    st.lists(st.integers(1, 4_000_000) | st.just(1_500_000), max_size=30).map(sorted),
    st.lists(st.integers(0, 30), max_size=5),
)
def test_a_log_that_breaks_off_anywhere_has_each_line_once(
    times: list[int], breaks: list[int]
) -> None:
    """The API server begins again at the full second."""
    resume = Resume()
    read: list[int] = []
    for written in sorted({*(each for each in breaks if each < len(times)), len(times)}):
        since = resume.since
        resume.reopen()
        sent = [n for n in range(written) if since is None or times[n] >= since * 1_000_000]
        read += [number for number in sent if not resume.skip(times[number])]
    assert read == list(range(len(times)))


def test_a_clock_that_is_set_back_loses_no_line() -> None:
    resume = Resume()
    assert [resume.skip(at) for at in (5, 4, 6)] == [False, False, False]


def test_colours_take_their_share_of_a_ring() -> None:
    ring = Ring()
    ring.extend(Line(0, Level.NONE, "x" * 200, tuple(range(600))) for _ in range(LINES))
    assert len(ring) < LINES / 10
