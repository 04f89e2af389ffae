"""Addresses that settings of the sign-in may name. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

ARN = re.compile(r"arn:(aws[a-z-]*):elasticloadbalancing:([a-z0-9-]+):\d{12}:loadbalancer/app/.+")


def arn_problem(arn: str) -> str:
    """Return why this cannot be the ARN of an Application Load Balancer, "" if it can."""
    if ARN.fullmatch(arn):
        return ""
    return "write it as arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID"


def endpoint_problem(url: str, *, allow_http: bool) -> str:
    """Return why the portal may not use this address of a provider, "" if it may."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "it is no address"
    if not host or parts.username is not None:
        return "it is no address"
    if parts.scheme == "https" or (allow_http and parts.scheme == "http"):
        return ""
    return "it has to begin with https://"


def is_private(url: str) -> bool:
    """Return True if an address is one of this machine, or of a private network.

    Of all addresses at once (``0.0.0.0``), and of names, it is not known.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_unspecified
