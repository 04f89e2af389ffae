from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.dash_app import ExposureSettings
from portal.catalog.launch_fields import FIELDS
from portal.catalog.presets import Preset, preset_fields
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import AutoscalingSpec, EnvVar, Exposure, VolumeMount
from portal.domain.namespaces import NamespaceRules
from portal.releases.forms import FormFields, ReleaseForms, ScaleRequest

PRESET = Preset(
    "Sample",
    "localhost:5000/dash-sample",
    "1.0",
    fields={"port": 8051, "memory_request": "200Mi", "memory_limit": "200Mi"},
)
OTHER = Preset("Streams", "r.io/streams", "2", fields={"session_affinity": True})
FORMS = ReleaseForms(
    NamespaceRules(("apps", "lab")), "apps", max_replicas=6, presets=(PRESET, OTHER)
)


def form(**changes: object) -> FormFields:
    return {**FORMS.defaults(), "name": "sales", **changes}


def test_a_new_form_needs_only_a_name() -> None:
    assert set(FORMS.defaults()) == set(FIELDS)
    assert set(FORMS.check(FORMS.defaults()).errors) == {"name"}

    checked = FORMS.check(form())

    assert (checked.errors, checked.warnings) == ({}, {})
    assert checked.spec is not None
    assert checked.spec.key == Key("apps", "sales")
    assert checked.spec.repository == "localhost:5000/dash-sample"
    assert checked.spec.fields["port"] == 8051
    assert checked.spec.autoscaling is None


def test_an_empty_form_says_what_is_missing() -> None:
    assert set(FORMS.check({}).errors) == {
        "name",
        "namespace",
        "repository",
        "tag",
        "port",
        "replicas",
        "exposure",
    }


def test_presets_fill_in_their_fields() -> None:
    sample, streams = FORMS.presets
    raw = form(cpu_request="1", cpu_limit="2") | preset_fields(streams)
    assert (raw["repository"], raw["tag"], raw["port"]) == ("r.io/streams", "2", 8050)
    assert raw["session_affinity"] is True
    assert (raw["cpu_request"], raw["cpu_limit"]) == ("1", "2")
    assert raw["name"] == "sales"

    assert (raw | preset_fields(sample))["memory_request"] == "200Mi"
    assert ReleaseForms().defaults()["repository"] == ""


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "Sales", "lower case"),
        ("namespace", "kube-system", "Choose one of: apps, lab"),
        ("repository", "nginx:1", "tag field"),
        ("tag", "a b", "may hold"),
        ("port", 0, "between 1 and 65535"),
        ("port", None, "8050"),
        ("port", "80.5", "whole number"),
        ("port", 80.5, "whole number"),
        ("port", True, "whole number"),
        ("port", "٣", "whole number"),
        ("port", "--5", "whole number"),
        ("env", "A", "Line 1"),
        ("replicas", 7, "between 0 and 6"),
        ("replicas", -1, "between 0 and 6"),
        ("replicas", None, "how many pods"),
        ("replicas", "many", "whole number"),
        ("cpu_request", "200", "You probably mean 200m"),
        ("cpu_limit", "50m", "below the request (100m)"),
        ("memory_request", "200m", "You probably mean 200Mi"),
        ("memory_limit", "100Mi", "below the request"),
        ("claim", "Shared Data", "lower-case letters"),
        ("exposure", "Carrier pigeon", "how the app is to be reached"),
        ("exposure", "HTTPRoute", "knows no Gateway"),
    ],
)
def test_each_field_has_its_message(field: str, value: object, words: str) -> None:
    checked = FORMS.check(form(**{field: value}))

    assert checked.spec is None
    assert words in checked.errors[field]
    assert set(checked.errors) <= {field, "hostname"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("bounds", [4, 2], "swap them"),
        ("bounds", [0, 2], "at least 1 pod"),
        ("bounds", [1, 7], "At most 6"),
        ("bounds", None, "minimum and the maximum replicas"),
        ("bounds", [1], "minimum and the maximum replicas"),
        ("bounds", [None, 2], "minimum and the maximum replicas"),
        ("bounds", ["a", 2], "whole number"),
        ("target_cpu", None, "needs a target"),
        ("target_cpu", 0, "from 1 to 1000"),
        ("target_cpu", "x", "whole number"),
        ("target_memory", 1001, "from 1 to 1000"),
        ("scale_down_window", 3601, "between 0 and 3600"),
        ("scale_down_window", -1, "between 0 and 3600"),
    ],
)
def test_the_autoscaler_has_its_messages(field: str, value: object, words: str) -> None:
    checked = FORMS.check(form(autoscaling=True, **{field: value}))

    assert words in checked.errors[field]
    assert set(checked.errors) == {field}


def test_a_target_needs_a_request() -> None:
    def errors(**changes: object) -> set[str]:
        return set(FORMS.check(form(autoscaling=True, **changes)).errors)

    none = {"memory_request": "", "memory_limit": ""}
    assert errors(cpu_request="") == {"target_cpu"}
    # Kubernetes takes the limit for a request that is not given.
    assert errors(cpu_request="", cpu_limit="1") == set()
    assert errors(target_cpu=None, target_memory=80, **none) == {"target_memory"}
    assert errors(cpu_request="200") == {"cpu_request"}
    assert set(FORMS.check(form(autoscaling=False, cpu_request="")).errors) == set()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"tag": "latest"}, "tag", "tomorrow"),
        ({"memory_limit": ""}, "memory_limit", "Without a limit"),
        ({"memory_request": "32Mi"}, "memory_request", "32 MiB is little"),
        ({"replicas": 0}, "replicas", "does not answer"),
        ({"env": "TOKEN=x"}, "env", "looks like a secret"),
        ({"hostname": "a.b"}, "hostname", "no effect with LoadBalancer"),
        (
            {"autoscaling": True, "target_cpu": None, "target_memory": 80},
            "target_memory",
            "stay at its maximum",
        ),
        ({"autoscaling": True, "bounds": [2, 2]}, "bounds", "nothing to decide"),
        ({"autoscaling": True, "cpu_limit": "100m", "target_cpu": 100}, "target_cpu", "never adds"),
    ],
)
def test_what_is_allowed_but_surprising(changes: FormFields, field: str, words: str) -> None:
    checked = FORMS.check(form(**changes))

    assert checked.spec is not None
    assert words in checked.warnings[field]


def test_a_folder_is_needed_only_for_a_volume() -> None:
    assert FORMS.check(form(mount_path="")).errors == {}
    assert "for example /data" in FORMS.check(form(claim="d", mount_path="")).errors["mount_path"]
    assert FORMS.check(form(claim="d", mount_path="/tmp/")).errors.keys() == {"mount_path"}
    spec = FORMS.check(form(claim=" shared ", mount_path="/srv/data", read_only=True)).spec
    assert spec is not None
    assert spec.volume == VolumeMount("shared", "/srv/data", read_only=True)


def test_host_names_where_they_are_needed() -> None:
    forms = ReleaseForms(
        NamespaceRules(("apps",)),
        "apps",
        presets=(PRESET,),
        site=ExposureSettings(gateway="kube-system/traefik"),
    )
    for exposure in ("Ingress", "HTTPRoute"):
        assert set(forms.check(form(exposure=exposure)).errors) == {"hostname"}
        spec = forms.check(form(exposure=exposure, hostname="a.b.")).spec
        assert spec is not None
        assert spec.hostname == "a.b"
    spec = forms.check(form(hostname="not used!")).spec
    assert spec is not None
    assert spec.hostname == ""


def test_everything_asked_for_arrives() -> None:
    raw = form(
        env="A=1\nB=2",
        autoscaling=True,
        bounds=(2.0, "5"),
        target_cpu=60,
        target_memory=70,
        scale_down_window=20,
        exposure="NodePort",
        session_affinity=True,
        port=" 8060 ",
        replicas=3,
    )
    spec = FORMS.check(raw).spec

    assert spec is not None
    assert spec.env == (EnvVar("A", "1"), EnvVar("B", "2"))
    assert spec.autoscaling == AutoscalingSpec(2, 5, 60, 70, 20)
    assert (spec.exposure, spec.replicas) == (Exposure.NODE_PORT, 3)
    assert (spec.fields["port"], spec.fields["session_affinity"]) == (8060, "ClientIP")
    assert FORMS.check_values(spec.key, FORMS.request(spec).values).errors == {}


def test_any_namespace_where_the_portal_works_in_all() -> None:
    assert ReleaseForms(presets=(PRESET,)).check(form(namespace="anything")).spec is not None


def test_the_scale_control() -> None:
    assert FORMS.check_scale({"replicas": 3}).request == ScaleRequest(replicas=3)
    auto = {"autoscaling": True, "bounds": [1, 3], "target_cpu": 50}
    assert FORMS.check_scale(auto).request == ScaleRequest(
        autoscaling=AutoscalingSpec(1, 3, 50, None)
    )
    assert set(FORMS.check_scale({"replicas": 99}).errors) == {"replicas"}

    bare = {"resources": {"requests": {"cpu": None}}}
    assert set(FORMS.check_scale(auto, bare).errors) == {"target_cpu"}
    assert FORMS.check_scale(auto, {}).errors == {}


def test_a_preview_shows_what_will_be_sent() -> None:
    spec = FORMS.check(form(env="A=1e3")).spec
    assert spec is not None

    preview = FORMS.preview(spec, {"persistence": {"subPath": "d"}}, "ann")

    assert "subPath: d\n" in preview.values_yaml
    assert f"{LAUNCHED_BY}: " in preview.values_yaml
    assert preview.values_yaml in preview.command
    assert preview.command.startswith("helm upgrade --install sales charts/dash-app \\\n")
    assert LAUNCHED_BY not in FORMS.preview(spec).values_yaml


def test_editing_starts_from_what_there_is() -> None:
    spec = FORMS.check(form(env="A=1", autoscaling=True)).spec
    assert spec is not None
    values = FORMS.values(spec, "ann")

    assert FORMS.check(FORMS.prefill(spec.key, values)).spec == spec


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)


@given(st.dictionaries(st.sampled_from(FIELDS), anything | st.lists(anything, max_size=3)))
def test_no_form_makes_the_check_fail(raw: FormFields) -> None:
    checked = FORMS.check({**form(), **raw})
    assert (checked.spec is None) == bool(checked.errors)
    if checked.spec is not None:
        asked = FORMS.request(checked.spec)
        assert FORMS.check_values(asked.key, asked.values).errors == {}
        FORMS.preview(checked.spec)


@pytest.mark.parametrize(("replicas", "kept"), [(5, 5), (0, 0), (None, 2), (99, 2), (False, 2)])
def test_the_fixed_number_is_kept_while_an_autoscaler_decides(replicas: object, kept: int) -> None:
    spec = FORMS.check(form(autoscaling=True, bounds=[2, 4], replicas=replicas)).spec
    assert spec is not None
    assert (spec.replicas, type(spec.replicas)) == (kept, int)


@pytest.mark.parametrize(
    ("namespace", "words"),
    [
        ("portal", "where it runs itself"),
        ("kube-system", "Kubernetes' own"),
        ("infra-logs", "an administrator has excluded it"),
    ],
)
def test_where_nothing_is_launched_is_said_beside_the_field(namespace: str, words: str) -> None:
    forms = ReleaseForms(NamespaceRules(own="portal", excluded=("infra-*",)), presets=(PRESET,))
    checked = forms.check(form(namespace=namespace))
    assert checked.spec is None
    assert words in checked.errors["namespace"]
