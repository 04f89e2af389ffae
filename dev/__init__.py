"""Tools for developing Dash Portal: a local Kubernetes, the demo, a virtual environment."""
