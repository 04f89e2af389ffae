"""The catalogue: every chart that can be launched."""
