"""A small OpenID provider in Go, for tests: real signatures, sessions, refresh and logouts."""
