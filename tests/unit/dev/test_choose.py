import re

import pytest

from dev.cluster.choose import How, Machine, choose, confirmed, foreign_kubeconfig, take
from dev.cluster.errors import ClusterError


def machine(**facts):
    closed = {
        "kubeconfig": None,
        "docker_engine": False,
        "kind": False,
        "linux": False,
        "root": False,
    }
    return Machine(**(closed | facts))


EVERYTHING = {
    "kubeconfig": "/theirs",
    "docker_engine": True,
    "kind": True,
    "linux": True,
    "root": True,
}


@pytest.mark.parametrize(
    ("facts", "way"),
    [
        (EVERYTHING, How.KUBECONFIG),
        (EVERYTHING | {"kubeconfig": None}, How.KIND),
        (EVERYTHING | {"kubeconfig": None, "kind": False}, How.LOCAL),
        (EVERYTHING | {"kubeconfig": None, "docker_engine": False}, How.LOCAL),
        ({"linux": True, "root": True}, How.LOCAL),
        ({"docker_engine": True, "kind": True}, How.KIND),
    ],
)
def test_takes_the_first_way_that_is_open(facts, way):
    assert choose(machine(**facts)) is way


@pytest.mark.parametrize("facts", [{}, {"linux": True}, {"root": True}, {"docker_engine": True}])
def test_names_all_three_ways_when_none_is_open(facts):
    with pytest.raises(ClusterError) as raised:
        choose(machine(**facts))
    hint = raised.value.hint or ""
    assert [word for word in ("KUBECONFIG", "kind", "root") if word in hint] == [
        "KUBECONFIG",
        "kind",
        "root",
    ]


@pytest.mark.parametrize("way", list(How))
def test_a_forced_way_wins_when_it_is_open(way):
    assert choose(machine(**EVERYTHING), way) is way


@pytest.mark.parametrize(
    ("way", "says"),
    [
        (How.KUBECONFIG, "KUBECONFIG is not set"),
        (How.KIND, "no Docker engine answers"),
        (How.LOCAL, "Linux and root"),
    ],
)
def test_a_forced_way_that_is_closed_says_why(way, says):
    with pytest.raises(ClusterError, match=re.escape(says)):
        choose(machine(), way)


OURS = EVERYTHING | {"kubeconfig": None}


@pytest.mark.parametrize(
    ("facts", "forced", "recorded", "way"),
    [
        # A cluster made here is gone on with, whatever else could be used.
        (OURS, None, How.LOCAL, How.LOCAL),
        (OURS, None, How.KIND, How.KIND),
        (OURS, How.LOCAL, How.LOCAL, How.LOCAL),
        # One that was used once is neither forced on the next run, nor in its way.
        (OURS, None, How.KUBECONFIG, How.KIND),
        ({"linux": True, "root": True}, None, How.KUBECONFIG, How.LOCAL),
        (OURS, How.LOCAL, How.KUBECONFIG, How.LOCAL),
        (EVERYTHING, How.KIND, How.KUBECONFIG, How.KIND),
        (EVERYTHING, None, How.KUBECONFIG, How.KUBECONFIG),
        (EVERYTHING, None, None, How.KUBECONFIG),
    ],
)
def test_goes_on_with_what_was_made_here(facts, forced, recorded, way):
    assert take(machine(**facts), forced, recorded) is way


@pytest.mark.parametrize(
    ("forced", "recorded"),
    [(None, How.LOCAL), (None, How.KIND), (How.KIND, How.LOCAL), (How.LOCAL, How.KIND)],
)
def test_a_cluster_made_here_blocks_another_way(forced, recorded):
    with pytest.raises(ClusterError, match=f"the {recorded.value} way is there already"):
        take(machine(**EVERYTHING), forced, recorded)


def test_the_kubeconfig_made_here_is_not_somebody_elses(tmp_path):
    ours = tmp_path / "kubeconfig"
    assert foreign_kubeconfig(None, ours) is None
    assert foreign_kubeconfig("", ours) is None
    assert foreign_kubeconfig(str(ours), ours) is None
    assert foreign_kubeconfig(f"{tmp_path}/x/../kubeconfig", ours) is None
    assert foreign_kubeconfig("/theirs", ours) == "/theirs"
    assert foreign_kubeconfig(f"{ours}:/theirs", ours) == f"{ours}:/theirs"


@pytest.mark.parametrize(
    ("flag", "environment", "answer", "agreed"),
    [
        (False, None, None, False),
        (False, "", "", False),
        (False, "0", "n", False),
        (False, None, "Y", True),
        (False, None, "yes", True),
        (False, "1", None, True),
        (True, None, None, True),
    ],
)
def test_somebody_elses_cluster_needs_a_yes(flag, environment, answer, agreed):
    assert confirmed(flag, environment, answer) is agreed
