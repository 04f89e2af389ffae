from __future__ import annotations

import sys
from struct import pack

import pytest

from portal.state.blocks import LARGEST, Blocks, joined, put, size, split, without_last

WIDTH = 12


def rows(*times: int) -> bytes:
    return b"".join(pack("<I8x", each) for each in times)


def filled(count: int) -> Blocks:
    blocks: Blocks = ()
    for each in range(count):
        blocks = put(blocks, rows(each), WIDTH)
    return blocks


def test_rows_stay_in_order_in_blocks_that_python_allocates_itself() -> None:
    blocks = filled(100)
    assert joined(blocks) == rows(*range(100))
    assert size(blocks) == 100 * WIDTH
    assert all(sys.getsizeof(block) <= 512 for block in blocks)
    assert len(blocks) == -(-100 // (LARGEST // WIDTH))


def test_what_is_full_is_shared() -> None:
    before = filled(70)
    assert all(a is b for a, b in zip(before[:-1], put(before, rows(70), WIDTH), strict=False))


def test_many_rows_at_once_come_to_the_same() -> None:
    assert put((), rows(*range(100)), WIDTH) == filled(100)
    assert put(filled(30), rows(*range(30, 100)), WIDTH) == filled(100)
    assert put(filled(30), b"", WIDTH) == filled(30)


@pytest.mark.parametrize("since", [0, 1, 38, 39, 40, 41, 78, 99, 100, 500])
def test_a_split_loses_nothing(since: int) -> None:
    older, others = split(filled(100), WIDTH, since)
    cut = min(since, 100)
    assert joined(older) == rows(*range(cut))
    assert joined(others) == rows(*range(cut, 100))
    assert b"" not in (*older, *others)


def test_the_last_row_goes() -> None:
    blocks = filled(40)
    assert len(blocks) == 2
    assert without_last(blocks, WIDTH) == filled(39)
    assert without_last(filled(39), WIDTH) == filled(38)
    assert without_last(filled(1), WIDTH) == ()
