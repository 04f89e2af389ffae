"""The newest scale-ups of an app's autoscalers, beside its timeline."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("history_apps", sa.Column("reactions", sa.LargeBinary))
