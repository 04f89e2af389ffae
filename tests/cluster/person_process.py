"""A whole portal where Kubernetes decides, as a process that a test may kill.

It launches one app for one person, and works on until it is ended. Its settings are those of the
environment; the arguments are the app's namespace and name, and the person's user name.
"""

from __future__ import annotations

import asyncio
import os
import sys

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.settings import Settings
from tests.cluster.test_actions import sample
from tests.cluster.test_kubernetes_rights import serving


async def main(namespace: str, name: str, user: str) -> None:
    async with serving(Settings.from_env(os.environ)) as portal:
        who, key = Identity(user), Key(namespace, name)
        await portal.rights.ask_again(who)
        begun = await portal.actions.launch(who, sample(key, replicas=0))
        print(begun.id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
