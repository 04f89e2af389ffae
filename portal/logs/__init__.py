"""Logs of an app's containers: read once for all who look at them, masked, bounded, pushed."""
