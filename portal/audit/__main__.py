"""Check the chain of the audit trail: ``python -m portal.audit verify [--noted FILE]``.

The database is that of the portal's settings. FILE are lines of the portal's log in JSON, or ``-``
for standard input: what they say of entries is compared with those in the database. It ends with 0
if nothing is wrong, with 1 if something is, and with 2 if the chain cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from portal.audit.trail import Trail, Verdict
from portal.database.database import Database
from portal.domain.errors import PortalError
from portal.settings import Settings, SettingsError


def noted(lines: Iterable[str]) -> dict[int, str]:
    """Return the hashes of entries, by position, that lines of the portal's log tell."""
    found: dict[int, str] = {}
    for line in lines:
        try:
            said: object = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        fields = cast("dict[str, object]", said)
        body, digest = fields.get("audit"), fields.get("audit_hash")
        position = cast("dict[str, object]", body).get("position") if isinstance(body, dict) else 0
        if isinstance(position, int) and position and isinstance(digest, str):
            found[position] = digest
    return found


async def verify(url: str, hashes: dict[int, str]) -> Verdict:
    """Check the chain in a database."""
    database = Database(url)
    try:
        return await Trail(database).verify(hashes)
    finally:
        await database.close()


def main(arguments: list[str]) -> int:
    """Check the chain, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m portal.audit")
    commands = parser.add_subparsers(required=True, metavar="verify")
    command = commands.add_parser("verify", help="check the chain of entries")
    command.add_argument("--noted", metavar="FILE", help="lines of the portal's log, - for stdin")
    asked = parser.parse_args(arguments)
    try:
        url = Settings.from_env(os.environ).database_url()
        if not url:
            raise SettingsError("There is no database: the audit trail is in the log alone.")
        hashes: dict[int, str] = {}
        if asked.noted == "-":
            hashes = noted(sys.stdin)
        elif asked.noted:
            with Path(asked.noted).open() as file:
                hashes = noted(file)
        verdict = asyncio.run(verify(url, hashes))
    except (SettingsError, PortalError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for problem in verdict.problems:
        sys.stdout.write(f"{problem}\n")
    compared = f", {len(hashes):,} of them compared with the log" if hashes else ""
    what = f"{len(verdict.problems)} problems" if verdict.problems else "the chain is whole"
    sys.stdout.write(f"{verdict.entries:,} entries{compared}: {what}.\n")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
