"""Helm's storage, the Secrets that it keeps releases in: decoded, read, written where needed."""
