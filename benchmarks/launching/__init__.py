"""Launches by the portal beside the same ``helm upgrade --install`` from a shell."""
