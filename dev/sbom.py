"""Print the SBOM that is in the demo's image of the portal, as the local registry has it.

python -m dev.sbom [IMAGE]
"""

from __future__ import annotations

import sys

from dev.cluster import registry
from dev.demo import PORTAL_IMAGE

PATH = "app/sbom.cdx.json"


def main(image: str) -> int:
    """Write it to standard output."""
    content = registry.file(image, PATH)
    if content is None:
        print(f"the local registry has no {image} with /{PATH}: run make demo", file=sys.stderr)
        return 1
    sys.stdout.write(content.decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else PORTAL_IMAGE))
