"""The mode ``oidc``: sign-in through an OpenID provider, and sessions."""
