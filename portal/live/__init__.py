"""One hub: each view is serialised once and pushed to everyone who looks at it."""
