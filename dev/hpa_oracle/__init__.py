"""The real controller as the oracle of ``portal.autoscaling``: the same cases for both."""
