"""KEDA and the VerticalPodAutoscaler, built and run as processes: for tests alone."""
