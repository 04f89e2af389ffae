"""Ends of sessions, and the refresh tokens that are in use, for the other portals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "session_ends",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("began_before", sa.BigInteger, nullable=False),
        sa.Column("forget", sa.BigInteger, nullable=False),
        # No position comes twice, also when the newest rows are deleted.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "session_renewals",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("used", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("forget", sa.BigInteger, nullable=False),
    )
    for table in ("session_ends", "session_renewals"):
        op.create_index(f"{table}_by_forget", table, ["forget"])
