"""Alembic's environment: runs the migrations on the connection that it is given."""

from __future__ import annotations

from alembic import context

# The caller holds a lock in the transaction of this connection, and commits it.
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
