"""Domain types and rules: frozen structs, enums and errors. No I/O."""
