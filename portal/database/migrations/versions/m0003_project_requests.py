"""Requests for projects: who asks for which, and what an administrator has answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table, with at most one open request a person."""
    op.create_table(
        "project_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("answerer", sa.Text, nullable=False),
        sa.Column("answered", sa.BigInteger, nullable=False),
    )
    op.create_index("project_requests_by_asker", "project_requests", ["asker", "asked"])
    open_ones = sa.text("state = 'open'")
    op.create_index(
        "project_requests_open",
        "project_requests",
        ["asker"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
