"""oauth2-proxy, which signs people in before a portal in mode ``header``: for tests alone."""
