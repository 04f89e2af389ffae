"""``python -m benchmarks.inputs.health PORT``: asks for ``/healthz`` until its input ends, and then
prints how many seconds each took. A process of its own, so that what is sent meanwhile by another
does not keep it waiting."""

from __future__ import annotations

import json
import select
import sys
import time
from http.client import HTTPConnection

EVERY = 0.01


def main(port: int) -> None:
    """Ask."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    took: list[float] = []
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        began = time.monotonic()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        took.append(time.monotonic() - began)
        if answer.status != 200:
            raise SystemExit(f"/healthz answers {answer.status}")
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
