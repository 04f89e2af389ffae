"""The namespaces that the portal shows, and those in which it changes nothing."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from msgspec import Struct

from portal.domain.names import namespace_problem

SYSTEM = "kube-*"
"""Kubernetes' own namespaces."""

_PATTERN = re.compile(r"[a-z0-9*]([-a-z0-9*]{0,61}[a-z0-9*])?")


class NamespaceRules(Struct, frozen=True):
    """The namespaces that the portal shows and changes.

    ``listed`` are those that it shows; empty means all. Releases in its ``own`` namespace
    ("" outside a cluster), in Kubernetes' own, and in ``excluded`` ones (names or patterns such as
    ``infra-*``) are shown but not changed.
    """

    listed: tuple[str, ...] = ()
    own: str = ""
    excluded: tuple[str, ...] = ()

    def seen(self, namespace: str) -> bool:
        """Return True if the portal shows a namespace."""
        return not self.listed or namespace in self.listed

    def problem(self, namespace: str) -> str:
        """Return why nothing may be changed in a namespace, as a sentence; "" if it may be."""
        if not self.seen(namespace):
            return f"The portal does not work in {namespace}. Choose one of: {self._choices}."
        if namespace == self.own:
            return f"The portal changes nothing in {namespace}, where it runs itself.{self._else}"
        if fnmatchcase(namespace, SYSTEM):
            return (
                f"The portal changes nothing in {namespace}, which is Kubernetes' own.{self._else}"
            )
        if any(fnmatchcase(namespace, each) for each in self.excluded):
            return (
                f"The portal changes nothing in {namespace}: an administrator has excluded it."
                f"{self._else}"
            )
        return ""

    @property
    def open(self) -> tuple[str, ...]:
        """The listed namespaces in which the portal may change releases."""
        return tuple(each for each in self.listed if not self.problem(each))

    @property
    def _choices(self) -> str:
        return ", ".join(sorted(self.listed))

    @property
    def _else(self) -> str:
        return " Apps can be launched in other namespaces."


def listed_problem(listed: tuple[str, ...], own: str) -> str:
    """Return what is wrong with a list of namespaces to show, "" if it is valid."""
    for each in listed:
        if namespace_problem(each):
            return f"“{each[:80]}” is not a namespace: {namespace_problem(each)}"
        if each == own:
            return f"{each} is the portal's own namespace, in which it changes nothing."
        if fnmatchcase(each, SYSTEM):
            return f"{each} is Kubernetes' own, in which the portal changes nothing."
    return ""


def pattern_problem(pattern: str) -> str:
    """Return what is wrong with a namespace name or pattern to exclude, "" if it is valid."""
    if _PATTERN.fullmatch(pattern):
        return ""
    return f"“{pattern[:80]}” is neither a namespace's name nor a pattern such as infra-*."
