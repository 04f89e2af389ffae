"""Credentials of a source, and the addresses they may be sent to.

They are in a mounted Secret that Kubernetes keeps up to date, so they are read each time. They are
sent to the source's own origin and to its ``token_host``, both from the settings; nothing that a
server answers changes that.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.catalog.sources import Source
from portal.registry.credentials import Login
from portal.registry.fetch import origin
from portal.registry.mounted import mounted_login


def read_login(source: Source) -> Login | None:
    """The login of a source; None if its settings name none.

    Raises:
        FetchError: it cannot be read; the message quotes nothing of it.
    """
    if source.credentials is None:
        return None
    parts = urlsplit(source.url)
    return mounted_login(source.credentials, f"{parts.netloc.lower()}{parts.path}".rstrip("/"))


def own_origin(source: Source) -> tuple[str, str]:
    """Scheme and host of the source's address in the settings."""
    parts = urlsplit(source.url)
    if parts.scheme == "oci":
        return "http" if source.plain_http else "https", parts.netloc.lower()
    return parts.scheme, parts.netloc.lower()


def may_send_password(source: Source, url: str) -> bool:
    """Return True if the source's password may be sent to ``url``."""
    own = own_origin(source)
    return origin(url) in {own, (own[0], source.token_host.lower())}
