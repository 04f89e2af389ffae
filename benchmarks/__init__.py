"""Measurements on the real cluster. ``make bench`` runs them all and writes RESULTS.md."""
