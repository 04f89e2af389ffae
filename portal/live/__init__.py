"""Live views: each view is rendered once for all who see the same, and pushed to them."""
