"""The migrations of the database, run by Alembic at the portal's start."""
