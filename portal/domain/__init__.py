"""What the portal speaks about: frozen dataclasses, enums and errors. No I/O."""
