"""The sign-in that ``make demo AUTH=oidc`` brings along."""

from __future__ import annotations

import json

import jsonschema

from dev import demo
from dev.cluster.choose import How
from dev.oidc_provider import objects

ISSUER, PORTAL = "http://198.18.0.4:8080", "http://198.18.0.5/"


def test_three_people_keep_their_passwords() -> None:
    first = objects.configuration(ISSUER, PORTAL, None)
    assert [each["name"] for each in first["users"]] == ["vera", "dana", "adam"]
    passwords = {each["password"] for each in first["users"]}
    assert len(passwords) == 3
    assert objects.configuration(ISSUER, PORTAL, first) == first
    assert objects.configuration(ISSUER, PORTAL, None)["client"] != first["client"]


def test_the_portal_is_told_of_the_provider_by_its_chart() -> None:
    configured = objects.configuration(ISSUER, PORTAL, None)
    values = demo.merged(demo.values(How.LOCAL, ""), objects.values(configured))
    schema = json.loads((demo.ROOT / "helm" / "portal" / "values.schema.json").read_text())
    jsonschema.validate(values, schema)
    assert values["auth"]["mode"] == "oidc"
    assert values["auth"]["oidc"]["issuer"] == ISSUER
    assert values["settings"]["publicUrl"] == "http://198.18.0.5"
    assert values["settings"]["defaultNamespace"] == demo.APPS


def test_secrets_are_in_secrets() -> None:
    configured = objects.configuration(ISSUER, PORTAL, None)
    items = json.loads(objects.objects(configured, "image:1", "lab"))["items"]
    others = json.dumps([each for each in items if each["kind"] != "Secret"])
    assert configured["client"]["secret"] not in others
    assert all(each["password"] not in others for each in configured["users"])
    given = {each["metadata"]["name"]: each["stringData"] for each in items if "stringData" in each}
    client = given[objects.CLIENT_SECRET]
    assert client == {"client-secret": configured["client"]["secret"]}


def test_helm_may_take_over_the_portals_service() -> None:
    metadata = json.loads(objects.service("portal", "lab", 80, release="portal"))["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "portal"


def test_the_program_in_the_image_is_the_one_that_is_started() -> None:
    configured = objects.configuration(ISSUER, PORTAL, None)
    (deployment,) = [
        each
        for each in json.loads(objects.objects(configured, "i", "lab"))["items"]
        if each["kind"] == "Deployment"
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"][0] == f"/{objects.NAME}"
