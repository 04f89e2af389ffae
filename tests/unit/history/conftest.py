from __future__ import annotations

from tests.unit.database.conftest import connect, server, url

__all__ = ["connect", "server", "url"]
