"""The execution of operations: one at a time on each release, recorded and recoverable."""
