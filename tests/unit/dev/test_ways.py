"""Which cluster ``make demo`` and ``dev.cluster`` go into, and what they write down about it."""

import os

import pytest

from dev import demo
from dev.cluster import choose, cli, local
from dev.cluster.choose import How, Machine
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.setenv("DASH_PORTAL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return Layout.default()


@pytest.fixture
def calls(layout, monkeypatch):
    """The steps that would be taken on a machine that supports every way."""
    done = []

    def look(layout):
        theirs = choose.foreign_kubeconfig(os.environ.get("KUBECONFIG"), layout.kubeconfig)
        return Machine(theirs, docker_engine=True, kind=True, linux=True, root=True)

    monkeypatch.setattr(choose, "look", look)
    monkeypatch.setattr(cli, "_check_foreign", lambda steps: done.append("ask the cluster"))
    monkeypatch.setattr(local, "preflight", lambda layout: done.append("preflight"))
    monkeypatch.setattr(local, "up", lambda layout, steps: done.append("local up"))
    monkeypatch.setattr(cli.kind, "up", lambda layout, steps: done.append("kind up"))
    monkeypatch.setattr(cli.signal, "signal", lambda number, handler: None)
    return done


def record(layout, how):
    layout.state.mkdir(parents=True)
    layout.how.write_text(how.value)


def test_the_demo_refuses_a_cluster_not_made_here_before_it_does_anything(
    layout, monkeypatch, capsys
):
    monkeypatch.setenv("KUBECONFIG", "/theirs")
    monkeypatch.setattr(demo.cli, "main", lambda argv: pytest.fail("went on"))
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("asked"))
    assert demo.main([]) == 1
    said = capsys.readouterr().err
    assert "/theirs" in said
    assert "docs/install.md" in said
    assert "unset KUBECONFIG" in said
    assert not layout.state.exists()


@pytest.mark.parametrize(
    ("kubeconfig", "forced"),
    [(None, None), ("ours", None), ("/theirs", How.LOCAL), ("/theirs", How.KIND)],
)
def test_the_demo_goes_on_into_a_cluster_of_its_own(layout, kubeconfig, forced):
    value = str(layout.kubeconfig) if kubeconfig == "ours" else kubeconfig
    demo.refuse_foreign(value, layout, forced)


@pytest.mark.parametrize(
    ("argv", "wanted"), [([], ["up"]), (["--how", "local"], ["up", "--how", "local"])]
)
def test_the_demo_passes_the_forced_way_on(layout, monkeypatch, argv, wanted):
    asked = []
    monkeypatch.setattr(demo.cli, "main", lambda given: asked.append(given) or 1)
    assert demo.main(argv) == 1
    assert asked == [wanted]


@pytest.mark.parametrize(
    ("argv", "done"),
    [(["up"], ["kind up"]), (["up", "--how", "local"], ["preflight", "local up"])],
)
def test_a_cluster_used_once_is_not_in_the_way(layout, calls, argv, done):
    record(layout, How.KUBECONFIG)
    assert cli.main(argv) == 0
    assert calls == done
    how = choose.recorded(layout)
    assert how is not None
    assert how.value in done[-1]


def test_a_local_cluster_is_gone_on_with(layout, calls):
    record(layout, How.LOCAL)
    assert cli.main(["up"]) == 0
    assert calls == ["local up"]


def test_a_cluster_made_here_is_in_the_way_before_anybody_is_asked(
    layout, calls, monkeypatch, capsys
):
    record(layout, How.LOCAL)
    monkeypatch.setenv("KUBECONFIG", "/theirs")
    monkeypatch.setattr(choose, "confirm_foreign", lambda name, flag: pytest.fail("asked"))
    assert cli.main(["up"]) == 1
    assert "the local way is there already" in capsys.readouterr().err
    assert choose.recorded(layout) is How.LOCAL
    assert calls == []


def test_without_kubeconfig_nobody_knows_which_cluster_was_used(layout, calls, monkeypatch, capsys):
    record(layout, How.KUBECONFIG)
    assert cli.main(["kubeconfig"]) == 1
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("KUBECONFIG", "/theirs")
    assert cli.main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == "/theirs\n"


def test_down_forgets_a_cluster_that_was_only_used(layout, calls):
    record(layout, How.KUBECONFIG)
    assert cli.main(["down"]) == 0
    assert not layout.state.exists()


def test_the_three_ways_tell_the_demo_from_the_cluster_alone():
    with pytest.raises(ClusterError) as raised:
        choose.choose(Machine(None, docker_engine=False, kind=False, linux=True, root=False))
    hint = " ".join((raised.value.hint or "").split())
    assert "`python -m dev.cluster up`" in hint
    assert "`make demo` refuses it" in hint
    assert "docs/install.md" in hint
