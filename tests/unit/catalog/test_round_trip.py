"""Opening a release's form and sending it again must lose nothing that the form does not know."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.catalog.dash_app import ExposureSettings, to_values
from portal.catalog.launch_fields import read_fields
from portal.catalog.values import Values, get, put
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, EnvVar, Exposure, LaunchSpec, VolumeMount
from portal.domain.namespaces import NamespaceRules
from portal.releases.forms import ReleaseForms
from tests.strategies import json_values, simple_fields

KEY = Key("apps", "sales")
SITE = ExposureSettings(ingress_class="traefik", gateway="kube-system/traefik")
FORMS = ReleaseForms(NamespaceRules(("apps",)), "apps", max_replicas=9, site=SITE)

quantities = st.sampled_from(["", "100m", "0.5", "1", "250m"])
memory = st.sampled_from(["", "128Mi", "0.5Gi", "1e9", "256M"])
names = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True)
volumes = st.builds(
    VolumeMount, st.sampled_from(["d", "shared.data"]), st.sampled_from(["/data", "/srv/x"])
)
scalers = st.builds(
    AutoscalingSpec,
    st.integers(1, 3),
    st.integers(3, 9),
    st.integers(10, 90),
    st.none(),
    st.none() | st.integers(0, 600),
)


@st.composite
def specs(draw: st.DrawFn) -> LaunchSpec:
    exposure = draw(st.sampled_from(Exposure))
    autoscaling = draw(st.none() | scalers)
    return LaunchSpec(
        key=KEY,
        repository=draw(st.sampled_from(["a", "localhost:5000/team/app"])),
        tag=draw(st.sampled_from(["1.0", "latest", "sha256:" + "0a" * 32])),
        replicas=draw(st.integers(0, 9)),
        autoscaling=autoscaling,
        cpu_request=draw(quantities) or ("100m" if autoscaling else ""),
        cpu_limit=draw(st.sampled_from(["", "2"])),
        memory_request=draw(memory),
        memory_limit=draw(st.sampled_from(["", "2Gi"])),
        exposure=exposure,
        hostname="app.example.com" if exposure.needs_hostname else "",
        env=draw(
            st.lists(st.builds(EnvVar, names, st.text("ab1 =", max_size=4)), max_size=3).map(tuple)
        ),
        volume=draw(st.none() | volumes),
        fields=read_fields({name: draw(some) for name, some in simple_fields.items()})[0],
    )


PLACES = (
    "",
    "image.",
    "service.",
    "resources.",
    "resources.requests.",
    "resources.limits.",
    "autoscaling.",
    "autoscaling.behavior.",
    "ingress.",
    "httpRoute.",
    "commonAnnotations.",
    "podAnnotations.",
    "persistence.",
)
unknown = st.dictionaries(
    st.builds(lambda place, name: f"{place}x{name}", st.sampled_from(PLACES), names),
    json_values.filter(lambda value: value is not None),
    max_size=6,
)
"""Values that no control of the form is about, by their path."""

foreign_variables = st.lists(
    st.fixed_dictionaries({"name": names, "valueFrom": st.just({"secretKeyRef": {"name": "s"}})}),
    max_size=3,
)


def saved(values: Mapping[str, object], **changed: object) -> Values:
    """Open the form of a release with these values, and send it, with some fields ``changed``."""
    checked = FORMS.check({**FORMS.prefill(KEY, values), **changed})
    assert checked.spec is not None, checked.errors
    return FORMS.values(checked.spec, "", values)


@given(specs(), unknown, foreign_variables, st.randoms())
def test_saving_without_a_change_changes_nothing(
    spec: LaunchSpec,
    extra: dict[str, object],
    foreign: list[object],
    random: st.Random,  # type: ignore[name-defined]
) -> None:
    unique = {each.name: each for each in spec.env}
    values = to_values(replace(spec, env=tuple(unique.values())), "ann", SITE)
    for path, value in extra.items():
        put(values, path, value)
    known = list(values.get("extraEnvVars") or [])  # type: ignore[call-overload]
    mixed = [*known, *(each for each in foreign if each["name"] not in unique)]  # type: ignore[index]
    random.shuffle(mixed)
    if mixed:
        values["extraEnvVars"] = mixed

    assert saved(values) == values


@given(specs(), unknown)
def test_a_change_of_one_field_touches_no_other_value(
    spec: LaunchSpec, extra: dict[str, object]
) -> None:
    values = to_values(replace(spec, autoscaling=None, env=()), "ann", SITE)
    for path, value in extra.items():
        put(values, path, value)

    changed = saved(values, replicas=7)

    assert changed == {**values, "replicaCount": 7}
    for path, value in extra.items():
        assert get(changed, path) == value


def test_a_quantity_keeps_the_way_it_was_written() -> None:
    values: Values = {
        "image": {"repository": "a", "tag": "1", "digest": "sha256:" + "0a" * 32},
        "resources": {"requests": {"cpu": "0.1", "memory": "0.5Gi"}, "limits": {"cpu": 2}},
    }
    kept = saved(values)
    assert kept["resources"] == values["resources"]
    assert kept["image"] == values["image"]
    assert get(saved(values, cpu_request="200m"), "resources.requests.cpu") == "200m"


def test_variables_stay_in_their_order() -> None:
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    values: Values = {
        "image": {"repository": "a"},
        "extraEnvVars": [{"name": "A", "value": "1"}, secret, {"name": "B", "value": "$(TOKEN)"}],
    }
    assert saved(values)["extraEnvVars"] == values["extraEnvVars"]
    more = saved(values, env="A=1\nB=$(TOKEN)\nC=3")["extraEnvVars"]
    assert [each["name"] for each in more] == ["A", "TOKEN", "B", "C"]  # type: ignore[attr-defined]
    fewer = saved(values, env="B=$(TOKEN)")["extraEnvVars"]
    assert [each["name"] for each in fewer] == ["B", "TOKEN"]  # type: ignore[attr-defined]
