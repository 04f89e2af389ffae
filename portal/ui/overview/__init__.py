"""The page Autoscaling: an overview of all apps."""
