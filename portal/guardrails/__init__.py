"""Guardrails: rules that a rendered manifest has to meet before it is applied."""
