"""The Dash pages: layout, thin callbacks, stateless components."""
