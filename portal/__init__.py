"""Dash Portal: a self-service portal for launching and watching apps on Kubernetes."""

__version__ = "0.1.0"
