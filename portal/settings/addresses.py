"""The addresses of launched apps, and of the portal."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from portal.auth.addresses import origin_of
from portal.auth.hosts import allowed_host_problem
from portal.settings.part import Names, Part


class AddressSettings(Part):
    """The addresses of launched apps, and of the portal."""

    node_address: Annotated[
        str,
        Field(description="Host name or address people use for NodePorts. Empty: the node's own."),
    ] = ""
    ingress_address: Annotated[
        str,
        Field(
            description="Address of Ingress and Gateway host names that the portal's DNS does not "
            "resolve. Empty: the address in the object's status."
        ),
    ] = ""
    ingress_class: Annotated[
        str, Field(description="Ingress class of launched apps. Empty: the cluster's default.")
    ] = ""
    ingress_tls: Annotated[
        bool, Field(description="Request TLS for launched apps' Ingresses (cert-manager).")
    ] = False
    gateway: Annotated[
        str,
        Field(
            description="Gateway for HTTPRoutes, `namespace/name` or `namespace/name/listener`. "
            "Empty: HTTPRoute cannot be chosen."
        ),
    ] = ""
    trusted_origins: Annotated[
        Names,
        Field(
            description="Comma-separated origins, such as `https://portal.example.com`, for "
            "proxies that do not pass the Host header on. That of `DASH_PORTAL_PUBLIC_URL` is one."
        ),
    ] = ()
    allowed_hosts: Annotated[
        Names,
        Field(
            description="Comma-separated host names that the portal answers to, such as "
            "`portal.example.com` or `*.example.com`, without ports. `localhost`, IP addresses, "
            "and the hosts of `DASH_PORTAL_TRUSTED_ORIGINS` and `DASH_PORTAL_NODE_ADDRESS` always "
            "are; the chart adds the names of its Service, Ingress and HTTPRoute. A request "
            "for any other name is refused: it may be another site's (DNS rebinding)."
        ),
    ] = ()
    public_url: Annotated[
        str,
        Field(
            description="Address at which people reach the portal, such as "
            "`https://portal.example.com`, for links in messages of the webhook, and for the way "
            "back from a sign-in (required in the mode `oidc`)."
        ),
    ] = ""

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not origin_of(each).startswith(("http://", "https://")):
                raise ValueError(
                    f"{each[:100]!r} is no origin; write it as https://portal.example.com"
                )
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if problem := allowed_host_problem(each):
                raise ValueError(problem)
        return value
