"""The ids of what the API server has answered, by the task that asked."""

from __future__ import annotations

import asyncio

from portal.domain.request import (
    MOST_AUDIT_IDS,
    audit_ids,
    collect_audit_ids,
    current_operation,
    note_answer,
    within_operation,
)


async def test_ids_of_changes_are_collected_in_a_task_and_those_it_starts() -> None:
    async def part(audit_id: str) -> None:
        note_answer("PATCH", {"Audit-Id": audit_id})

    async def apart() -> None:
        collect_audit_ids(False)
        note_answer("PUT", {"Audit-Id": "renewal"})

    async def change(name: str) -> tuple[str, ...]:
        collect_audit_ids()
        note_answer("GET", {"Audit-Id": "read"})
        note_answer("POST", {})
        note_answer("POST", {"Audit-Id": f"{name}-1"})
        await asyncio.gather(part(f"{name}-2"), apart())
        return audit_ids()

    one, other = await asyncio.gather(
        asyncio.create_task(change("a")), asyncio.create_task(change("b"))
    )
    assert one == ("a-1", "a-2")
    assert other == ("b-1", "b-2")


async def test_a_block_is_within_one_operation_with_the_tasks_that_it_starts() -> None:
    async def told() -> str:
        return current_operation()

    with within_operation() as id:
        assert id
        assert await asyncio.create_task(told()) == id
        with within_operation() as same:
            assert same == id
        with within_operation("0a1b"):
            assert await told() == "0a1b"
        assert await told() == id
    assert await told() == ""
    with within_operation() as other:
        assert other != id


async def test_ids_are_bounded() -> None:
    collect_audit_ids()
    for number in range(100):
        note_answer("PUT", {"Audit-Id": str(number)})
    assert len(audit_ids()) == MOST_AUDIT_IDS
