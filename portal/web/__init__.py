"""HTTP: identity, security headers, static files, health, metrics and logs."""
