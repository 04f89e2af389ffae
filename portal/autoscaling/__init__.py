"""The HorizontalPodAutoscaler controller as a pure function, with a trace; needs msgspec alone."""
