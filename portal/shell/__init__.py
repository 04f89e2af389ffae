"""Programs that run in pods for people: a shell, and a reader of processes."""
