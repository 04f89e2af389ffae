"""What runs in pods for people: their processes, and a shell."""
