"""Names of projects: which are allowed, and which a person's own project gets. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from fnmatch import fnmatchcase

from portal.domain.names import MAX_LABEL, namespace_problem
from portal.domain.namespaces import NamespaceRules

RESERVED = ("default", "kube-*", "openshift-*")
"""Names and patterns that Kubernetes and its distributions keep for themselves."""

USER = "{user}"
"""The place of the user's name in a template."""
TAG = 6
"""Characters of the hash that tells apart two people whose names look alike."""


def project_name_problem(name: str, rules: NamespaceRules) -> str:
    """Return why no project may be made under a name, as a sentence; "" if one may be."""
    if not name:
        return "Give the project a name, for example forecast-team."
    if problem := namespace_problem(name):
        return problem.replace("A namespace", "The name")
    if any(fnmatchcase(name, each) for each in RESERVED):
        return f"{name} is kept for Kubernetes itself: choose another name."
    return rules.problem(name)


def template_problem(template: str) -> str:
    """Return what is wrong with a template for the names of personal projects; "" if it is valid.

    >>> template_problem("user-{user}")
    ''
    """
    if template.count(USER) != 1:
        return f"“{template[:80]}” has to contain {USER} once."
    problem = namespace_problem(template.replace(USER, "a"))
    if problem or len(template) > MAX_LABEL - 2 * TAG:
        return f"“{template[:80]}” does not make names of namespaces. {problem}".strip()
    return ""


def personal_name(template: str, user: str) -> str:
    """Return the name of a user's own project.

    Names of users that are no part of a namespace's name as they are get a short hash, so that two
    people never get the same one: ``Ann``, ``ann`` and ``ann@example.org`` are three.

    >>> personal_name("user-{user}", "ann")
    'user-ann'
    """
    room = MAX_LABEL - len(template) + len(USER)
    plain = slug(user)
    if plain and plain == user and len(plain) <= room and not _TAGGED.search(plain):
        return template.replace(USER, plain)
    tag = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:TAG]
    short = plain[: room - TAG - 1].rstrip("-")
    return template.replace(USER, f"{short}-{tag}" if short else f"u-{tag}")


def slug(text: str) -> str:
    """Return the letters and digits of a text that a DNS label may have, "" if there are none.

    >>> slug("Zoë.Müller+test@example.org")
    'zoe-muller-test-example-org'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))


_TAGGED = re.compile(rf"-[0-9a-f]{{{TAG}}}$")
"""A name that ends like one with a hash, which gets one as well."""
