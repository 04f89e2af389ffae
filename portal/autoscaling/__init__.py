"""Pure arithmetic of the HorizontalPodAutoscaler, in numbers and in words."""
