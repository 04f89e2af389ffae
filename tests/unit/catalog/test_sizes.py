"""An administrator's sizes: read from the settings, sent, shown again, and left."""

from __future__ import annotations

from typing import Any

import pytest

from portal.catalog.presets import Preset
from portal.catalog.sizes import read_sizes
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.releases.forms import ReleaseForms

KEY = Key("apps", "a")
ENTRIES: list[dict[str, Any]] = [
    {"name": "S", "requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
    {
        "name": "GPU",
        "description": "One A100.",
        "requests": {"cpu": 2, "memory": "8Gi", "nvidia.com/gpu": 1},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": 1},
        "nodeSelector": {"example.com/gpu": "a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
]
FORMS = ReleaseForms(
    NamespaceRules(("apps",)),
    "apps",
    presets=(Preset("P", "r/a", "1"),),
    sizes=read_sizes(ENTRIES),
)


def sent(before: dict[str, object] | None = None, **changes: object) -> dict[str, Any]:
    checked = FORMS.check({**FORMS.defaults(), "name": "a", **changes})
    assert checked.spec is not None, checked.errors
    return FORMS.values(checked.spec, "", before)


def test_a_size_says_all_of_resources_and_nodes() -> None:
    made = sent(size="GPU", cpu_request="9", memory_limit="nonsense")
    assert made["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": "1"},
    }
    assert made["nodeSelector"] == {"example.com/gpu": "a100"}
    shown = FORMS.prefill(KEY, made)
    assert (shown["size"], shown["cpu_request"], shown["cpu_limit"]) == ("GPU", "2", "")
    again = FORMS.check(shown).spec
    assert again is not None
    assert FORMS.values(again, "", made) == made
    assert FORMS.check_values(KEY, made).errors == {}


def test_leaving_a_size_leaves_its_nodes_too() -> None:
    gpu = sent(size="GPU")
    assert sent(gpu) == sent()
    assert sent(gpu, size="S") == sent(size="S")
    assert sent(sent(size="S"), size="GPU") == gpu


def test_nodes_that_somebody_chose_by_hand_are_kept_until_a_size_is_chosen() -> None:
    by_hand: dict[str, object] = {
        "nodeSelector": {"disk": "ssd"},
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    assert FORMS.prefill(KEY, by_hand)["size"] == ""
    kept = sent(by_hand)
    assert kept["nodeSelector"] == {"disk": "ssd"}
    assert kept["resources"]["limits"]["nvidia.com/gpu"] == 1
    moved, new = sent(by_hand, size="GPU"), sent(size="GPU")
    assert [moved[name] for name in ("resources", "nodeSelector", "tolerations")] == [
        new[name] for name in ("resources", "nodeSelector", "tolerations")
    ]


def test_a_page_chooses_nodes_by_sizes_only() -> None:
    assert "There are: S, GPU" in FORMS.check({**FORMS.defaults(), "size": "XL"}).errors["size"]
    made = sent(size="GPU")
    for claimed in (
        {"nodeSelector": {"control-plane": "true"}},
        {"tolerations": [{"operator": "Exists"}]},
        {"resources": {"requests": {"nvidia.com/gpu": "8"}}},
    ):
        assert "Only an administrator" in FORMS.check_values(KEY, made | claimed).errors["size"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name is text"),
        ({"colour": "red"}, "there is no colour"),
        ({"requests": {"cpu": "1"}}, "requests needs memory"),
        ({"requests": {"cpu": "1", "memory": "200m"}}, "requests.memory"),
        ({"requests": {"cpu": "1", "memory": "1Gi", "gpu": 1}}, "no such resource"),
        ({"limits": {"nvidia.com/gpu": "half"}}, "whole number of devices"),
        ({"limits": {"memory": "128Mi"}}, "below the request"),
        ({"nodeSelector": {"a": 1}}, "use quotes"),
        ({"nodeSelector": {"a b": "c"}}, "nodeSelector"),
        ({"tolerations": ["all"]}, "list of mappings"),
    ],
)
def test_a_wrong_size_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match="size") as refused:
        read_sizes([ENTRIES[0] | changes])
    assert words in str(refused.value)


def test_sizes_differ() -> None:
    assert read_sizes([]) == ()
    with pytest.raises(ValueError, match="same name"):
        read_sizes([ENTRIES[0], ENTRIES[0]])
    with pytest.raises(ValueError, match="but for their names"):
        read_sizes([ENTRIES[0], ENTRIES[0] | {"name": "T"}])
    with pytest.raises(ValueError, match="a list"):
        read_sizes({"S": {}})
