"""Ends and renewals of sessions in the database, by which its portals know of each other's."""
