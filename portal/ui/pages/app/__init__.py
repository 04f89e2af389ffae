"""One release, live."""
