"""What the portal speaks about: frozen structs, enums and errors. No I/O."""
