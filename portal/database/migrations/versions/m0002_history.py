"""The history of apps: samples, their summaries, timelines, and which portal writes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "history_apps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("timeline", sa.LargeBinary),
        sa.UniqueConstraint("namespace", "name"),
    )
    for name in ("history_samples", "history_days"):
        # The time comes first: what is written or deleted together then lies together.
        op.create_table(
            name,
            sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("app", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("body", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "history_writer",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO history_writer (id, holder, until, written) VALUES (1, '', 0, 0)")
