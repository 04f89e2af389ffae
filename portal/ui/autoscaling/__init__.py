"""The page of an app's autoscaler: why it decides, what is next, what would have been."""
