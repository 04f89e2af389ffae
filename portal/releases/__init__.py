"""What is run on releases: a module for each action, and what they share."""
