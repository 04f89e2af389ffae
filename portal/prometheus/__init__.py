"""Prometheus as a source of longer ranges, where an administrator has named one."""
