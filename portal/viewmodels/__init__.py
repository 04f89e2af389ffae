"""View models: pure functions from the snapshot to what pages show."""
