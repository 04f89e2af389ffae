"""One immutable snapshot of what the cluster said last, and a bounded history."""
