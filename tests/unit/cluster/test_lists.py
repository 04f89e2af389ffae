from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from portal.cluster import lists
from portal.cluster.lists import TimeSlicer, page

PAGE = {
    "kind": "PodList",
    "metadata": {"resourceVersion": "7", "continue": "token"},
    "items": [{"metadata": {"name": "a,]}"}}, {"metadata": {"name": "b"}}, {}],
    "apiVersion": "v1",
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("order", [list(PAGE), sorted(PAGE)])
def test_items_one_by_one_and_the_rest(indent: int | None, order: list[str]) -> None:
    read = page(json.dumps({name: PAGE[name] for name in order}, indent=indent).encode())
    assert [json.loads(bytes(each)) for each in read.items] == PAGE["items"]
    assert (read.version, read.rest) == ("7", "token")


@pytest.mark.parametrize(
    "text", ['{"items": []}', '{"items": null}', "{}", ' { "a" : 1, "metadata": null } ']
)
def test_no_items(text: str) -> None:
    read = page(text.encode())
    assert list(read.items) == []
    assert (read.version, read.rest) == ("", "")


def test_a_page_that_is_cut_off_anywhere_is_an_error() -> None:
    body = json.dumps(PAGE).encode()
    for end in range(len(body)):
        with pytest.raises(ValueError, match="truncated"):
            page(body[:end])


@pytest.mark.parametrize("text", ["[]", '{"items": [1 2]}', '{"a": 1]', "<html>", '{"items": [}'])
def test_what_is_no_list_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON is malformed|Expected"):
        page(text.encode())


async def test_work_is_done_in_turns_and_one_at_a_time() -> None:
    now = 0.0
    order: list[str] = []

    def work(name: str) -> Iterator[str]:
        nonlocal now
        for _ in range(6):
            now += lists.TURN / 2
            order.append(name)
            yield name

    slicer = TimeSlicer(lambda: now)
    others = 0

    async def everybody_else() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(everybody_else())
    found = await asyncio.gather(slicer.collect(work("a")), slicer.collect(work("b")))
    beside.cancel()
    assert found == [["a"] * 6, ["b"] * 6]
    assert "".join(order) != "a" * 6 + "b" * 6
    assert others >= 4, "the loop went round between turns"


async def test_an_error_ends_its_own_work_only() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("cut off")

    slicer = TimeSlicer()
    with pytest.raises(ValueError, match="cut off"):
        await slicer.collect(broken())
    assert await asyncio.wait_for(slicer.collect(iter([1, 2])), 5) == [1, 2]
