"""Images, looked at in their registry before anything is launched."""
