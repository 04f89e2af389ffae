"""The audit trail: a chain of entries, and how they are written, read and checked."""
