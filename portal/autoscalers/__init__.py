"""Autoscalers followed by the engine: why they decide, what is next, what would have been."""
