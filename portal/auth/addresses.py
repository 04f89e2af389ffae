"""Addresses that settings of the sign-in may name. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

ARN = re.compile(r"arn:(aws[a-z-]*):elasticloadbalancing:([a-z0-9-]+):\d{12}:loadbalancer/app/.+")

_DISCOVERY = "/.well-known/"
_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def issuer_problem(url: str) -> str:
    """Return why this cannot be the address of an OpenID provider, "" if it can."""
    if _DISCOVERY in url:
        return f"write what stands before {_DISCOVERY}: the provider's name for itself"
    return ""


def public_problem(url: str) -> str:
    """Return why the portal cannot be at an address, "" if it can."""
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        return (
            "it has a path: the portal needs a host name of its own, such as "
            "https://portal.example.com"
        )
    return ""


def origin_of(url: str) -> str:
    """Return the origin of an address, as browsers spell it; "" if it is none.

    >>> origin_of("https://Portal.example.com:443/")
    'https://portal.example.com'
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


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
