"""Passes a manifest from Helm to the portal, and the portal's answer back to Helm.

The argument is the path of the portal's Unix socket. No answer means that the portal refuses. Only
a few standard modules are imported, since every launch waits for this program to start.
"""

import sys
from _socket import AF_UNIX, SHUT_WR, SOCK_STREAM, socket


def main() -> int:
    """Relay standard input; returns the exit status, 1 if there is no answer."""
    portal = socket(AF_UNIX, SOCK_STREAM)
    portal.connect(sys.argv[1])
    waiting = memoryview(sys.stdin.buffer.read())
    while waiting:
        waiting = waiting[portal.send(waiting) :]
    portal.shutdown(SHUT_WR)
    answered = False
    while part := portal.recv(1 << 16):
        answered = True
        sys.stdout.buffer.write(part)
    return 0 if answered else 1


if __name__ == "__main__":
    sys.exit(main())
