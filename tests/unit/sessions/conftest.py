"""The databases of ``tests/unit/database``."""

from tests.unit.database.conftest import connect, server, url

__all__ = ["connect", "server", "url"]
