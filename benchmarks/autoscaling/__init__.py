"""The autoscaling engine: how fast it decides, and the live controller's decisions replayed."""
