"""An immutable snapshot of the cluster's last known state, with a bounded history."""
