"""What Helm runs as its post-renderer: a manifest in, and out without some numbers of replicas.

Its arguments name the workloads (``Deployment/web``). Helm has no option to leave out a field, and
a chart that renders the number that an autoscaler decides about would make each upgrade a
conflict, or a reset.
"""

from __future__ import annotations

import sys

from portal.domain.steering import without_replicas


def main() -> None:
    """Filter standard input."""
    manifest = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(without_replicas(manifest, sys.argv[1:]).encode())


if __name__ == "__main__":
    main()
