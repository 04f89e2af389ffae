from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from portal.domain.errors import InvalidInput, NotFound
from portal.domain.keys import Key
from portal.helm_service.helm import Helm
from portal.helm_service.runner import Runner
from tests.unit.helm_service.stub import Stub, make
from tests.unit.releases.fakes import unchanged

KEY = Key("apps", "sales")


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    return make(tmp_path)


@pytest.fixture
def helm(stub: Stub) -> Helm:
    return Helm(Runner({}, executable=str(stub.path), deadline=60), history_max=7)


async def test_an_upgrade_is_exactly_this_command(helm: Helm, stub: Stub) -> None:
    stub.tell(stdout='{"name": "sales", "version": 4}')
    values = {"env": ["$(id)", "--set", "'\"\n"], "n": None}

    result = await helm.upgrade_install(
        KEY,
        Path("/charts/dash-app"),
        values,
        description="--by \n ann",
        force_conflicts=True,
        review=unchanged,
    )

    assert result.revision == 4
    assert result.seconds > 0
    assert stub.seen["argv"] == [
        *("upgrade", "sales", "/charts/dash-app", "--history-max", "10", "--install"),
        *("--output", "json", "--timeout", "50s", "--values", "-"),
        *("--description", "--by ann", "--force-conflicts", "--namespace", "apps"),
        *("--reset-values", "--server-side=true", "--skip-crds", "--post-renderer", "review"),
        stub.seen["argv"][-1],
    ]
    assert re.fullmatch(r"--post-renderer-args=/.*/socket", stub.seen["argv"][-1])
    assert json.loads(stub.seen["stdin"]) == values


async def test_custom_resource_definitions_are_made_only_if_allowed(helm: Helm, stub: Stub) -> None:
    stub.tell(stdout="{}")
    await helm.upgrade_install(KEY, Path("/c"), {}, skip_crds=False, review=unchanged)
    assert "--skip-crds" not in stub.seen["argv"]


async def test_the_values_are_json_and_yaml_at_once(helm: Helm, stub: Stub) -> None:
    """Helm reads YAML, which knows no pairs of escapes: an emoji has to be one character."""
    stub.tell(stdout="{}")
    values = {"a": "😀 \\ud83d\\ude00 é \x7f \u2028", "😀": ["\\", '"😀"']}

    await helm.upgrade_install(KEY, Path("/charts/dash-app"), values, review=unchanged)

    sent = stub.seen["stdin"]
    assert json.loads(sent) == values
    assert yaml.safe_load(sent) == values


async def test_an_uninstall_and_a_rollback(helm: Helm, stub: Stub) -> None:
    await helm.uninstall(KEY)
    assert stub.seen["argv"] == [
        *("uninstall", "sales", "--namespace", "apps", "--cascade", "foreground"),
        *("--timeout", "50s"),
    ]

    await helm.rollback(KEY, 3, description="by ann")
    assert stub.seen["argv"] == [
        *("rollback", "sales", "3", "--namespace", "apps", "--history-max", "7"),
        *("--timeout", "50s", "--server-side=true", "--description", "by ann"),
    ]


async def test_a_dry_run_gives_the_manifest_and_changes_nothing(helm: Helm, stub: Stub) -> None:
    hooks = [{"name": "prepare", "manifest": "kind: Job\n"}, {"manifest": "kind: Pod\n"}]
    stub.tell(stdout=json.dumps({"manifest": "kind: Service\n", "hooks": hooks, "version": 3}))

    rendering = await helm.render(KEY, Path("/charts/dash-app"), {"a": 1})

    assert rendering.manifest == "kind: Service\n"
    assert rendering.whole == "kind: Service\n\n---\nkind: Job\n\n---\nkind: Pod\n"
    argv = stub.seen["argv"]
    assert argv[:2] == ["upgrade", "sales"]
    assert "--dry-run=server" in argv
    assert {"--install", "--reset-values"} <= set(argv)
    assert json.loads(stub.seen["stdin"]) == {"a": 1}


@pytest.mark.parametrize(
    "key",
    [
        Key("apps", "--post-renderer=x"),
        Key("apps", "-"),
        Key("apps", ""),
        Key("apps", "a b"),
        Key("--kube-token", "a"),
        Key("", "--post-renderer=x"),
        Key("", "a"),
        Key("apps/x", "a"),
    ],
)
async def test_names_that_could_be_options_never_reach_helm(
    helm: Helm, stub: Stub, key: Key
) -> None:
    with pytest.raises(InvalidInput):
        await helm.uninstall(key)
    assert not stub.seen_file.exists()


async def test_names_of_other_tools_may_have_dots(helm: Helm, stub: Stub) -> None:
    await helm.uninstall(Key("apps", "1.a.b"))
    assert stub.seen["argv"][1] == "1.a.b"


async def test_failures_are_the_portals_errors(helm: Helm, stub: Stub) -> None:
    stub.tell(status=1, stderr="Error: release: not found\n")
    with pytest.raises(NotFound, match="no release sales in the namespace apps"):
        await helm.values(KEY)
