"""The pages: a layout each, and callbacks of a few lines."""
