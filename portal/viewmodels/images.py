"""Explanations of image pull errors, from the container runtime's messages."""

from __future__ import annotations

import re

from msgspec import Struct

PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)


class PullProblem(Struct, frozen=True):
    """An image pull error explained: a title, a sentence, advice.

    ``fields`` are the fields of the launch form that mend it.
    """

    title: str
    words: str
    advice: str
    fields: tuple[str, ...] = ("repository", "tag")


_RULES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"pull qps exceeded",
        "Node pulls many images",
        "its node pulls as many images as it may at the moment",
        "Wait: Kubernetes keeps trying, and nothing has to be changed.",
    ),
    (
        r"toomanyrequests|too many requests|rate limit",
        "Registry rate limit reached",
        "the registry refuses more pulls for now",
        "Wait: Kubernetes keeps trying. Signing in to the registry usually raises its limit.",
    ),
    (
        r"x509:|certificate|tls:|gave http response to https",
        "Registry not trusted",
        "a secure connection to its registry cannot be made",
        "The cluster does not trust the registry's certificate, or the registry has none. "
        "Ask an administrator to set this up on the nodes.",
    ),
    (
        r"pull access denied|may require authorization",
        "Image not found or private",
        "its registry has no such repository, or does not show it without a login",
        "Check the repository for typing errors. If the image is private, ask an administrator "
        "for a pull secret.",
    ),
    (
        r"unauthorized|authorization failed|authentication required|no basic auth|\b401\b"
        r"|\b403\b|forbidden|denied",
        "Image: access denied",
        "its registry does not let this cluster read it",
        "The image is private. Ask an administrator for a pull secret for this registry, "
        "or use an image that the cluster may read.",
    ),
    (
        r"no such host|connection refused|i/o timeout|no route to host|network is unreachable"
        r"|deadline exceeded|connection reset|dial tcp|\beof\b|server misbehaving"
        r"|\b50[0234]\b|timed? ?out",
        "Registry not reachable",
        "its registry does not answer",
        "Check the registry's name in the repository. If it is right, the registry is down or "
        "the nodes cannot reach it. Kubernetes keeps trying.",
    ),
    (
        r"no match for platform|exec format",
        "Wrong CPU architecture",
        "it was built for another CPU architecture than the nodes have",
        "Build the image for the nodes' architecture, for example with --platform linux/amd64.",
    ),
    (
        r"no space left",
        "Node's disk is full",
        "the node has no disk space left for it",
        "Ask an administrator to free disk space on the node.",
    ),
    (
        r"not found|manifest unknown|name unknown|\b404\b|does not exist",
        "Image not found",
        "its registry has no such image",
        "Check the repository and the tag for typing errors, and that the image was pushed. "
        "Correct it here: nothing has to be removed first.",
    ),
)


def pull_problem(reason: str, image: str, messages: str) -> PullProblem:
    """Explain a pull that failed; ``messages`` are the container's and its events' together."""
    name = f"The image {image}" if image else "The image"
    if reason == "InvalidImageName":
        return PullProblem(
            "Image name is invalid",
            f"“{image}” is not a valid image name.",
            "An image name is lower case, such as team/app:1.0, with one tag. Correct it here.",
        )
    if reason == "ErrImageNeverPull":
        return PullProblem(
            "Image not on the node",
            f"{name} is not on the node, and its pull policy is Never.",
            "Set the pull policy to IfNotPresent, or load the image onto the nodes.",
        )
    # The image's own name may contain words that a rule would match.
    lowered = messages.lower().replace(image.lower(), " ") if image else messages.lower()
    for pattern, title, words, advice in _RULES:
        if re.search(pattern, lowered):
            private = "private" in advice
            return PullProblem(
                title,
                f"{name} cannot be pulled: {words}.",
                advice,
                ("pull_secrets", "repository") if private else ("repository", "tag"),
            )
    return PullProblem(
        "Image cannot be pulled",
        f"{name} cannot be pulled. Kubernetes keeps trying.",
        "Check the repository and the tag, and that the nodes can reach the registry.",
    )
