"""What an image says of itself, asked of its registry before anything is launched."""
