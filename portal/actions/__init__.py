"""Authorise, validate, run, record: everything that changes a release."""
