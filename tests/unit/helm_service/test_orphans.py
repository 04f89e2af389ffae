from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from portal.helm_service.orphans import STARTED_BY, end_orphans
from portal.helm_service.runner import Runner
from tests.unit.helm_service.stub import Stub, gone, make

PORTAL = """
import asyncio, os, sys
from portal.helm_service.runner import Runner
asyncio.run(Runner({}, executable=sys.argv[1]).run(["upgrade"]))
"""


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    return make(tmp_path)


async def test_a_helm_whose_portal_was_killed_is_asked_to_end(stub: Stub) -> None:
    stub.tell(hang=True)
    portal = await asyncio.create_subprocess_exec(sys.executable, "-c", PORTAL, str(stub.path))
    await stub.started()
    helm = stub.seen["pid"]
    assert helm not in end_orphans()  # its portal lives

    portal.kill()
    await portal.wait()

    assert helm in end_orphans()
    await gone(helm)
    assert stub.terminated


async def test_a_helm_of_this_portal_is_left_alone(stub: Stub) -> None:
    stub.tell(hang=True)
    running = asyncio.create_task(Runner({}, executable=str(stub.path)).run(["upgrade"]))
    await stub.started()
    assert stub.seen["env"][STARTED_BY] == str(os.getpid())
    assert stub.seen["pid"] not in end_orphans()
    running.cancel()
    await asyncio.wait([running])


def test_where_there_is_no_proc_nothing_happens(tmp_path: Path) -> None:
    assert end_orphans(tmp_path / "none") == []
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "environ").write_bytes(b"A=1\0" + STARTED_BY.encode() + b"=odd")
    assert end_orphans(tmp_path) == []
