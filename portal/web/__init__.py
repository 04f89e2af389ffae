"""The edge towards HTTP: identity, headers, health, metrics and logs."""
