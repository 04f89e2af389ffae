"""The pages of one pod: its processes, and a shell in it."""
