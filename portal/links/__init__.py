"""Links that show one app read-only to whoever has them, until they expire or are revoked."""
