import pytest

from dev.cluster import binaries
from dev.cluster.errors import ClusterError
from dev.cluster.paths import HERE

GO_MOD = """module example/cluster

go 1.26.6

tool (
\tgithub.com/containerd/containerd/v2/cmd/ctr
\tgo.etcd.io/etcd/server/v3
\thelm.sh/helm/v3/cmd/helm
\thelm.sh/helm/v4/cmd/helm
)

require (
\thelm.sh/helm/v3 v3.22.0 // indirect
\thelm.sh/helm/v4 v4.3.1 // indirect
\tk8s.io/kubernetes v1.37.2 // indirect
)
"""


def test_the_key_changes_with_everything_that_decides_the_result():
    keys = {
        binaries.key(GO_MOD, "sums"),
        binaries.key(GO_MOD, "other sums"),
        binaries.key(GO_MOD, "sums", "package main"),
        binaries.key(GO_MOD, "sums", "", "linux-aarch64"),
        binaries.key(GO_MOD.replace("1.37.2", "1.37.3"), "sums"),
    }
    assert len(keys) == 5
    assert binaries.key(GO_MOD, "sums") in keys


def test_the_key_does_not_confuse_one_part_with_the_next():
    assert binaries.key(GO_MOD, "ab", "c") != binaries.key(GO_MOD, "a", "bc")


def test_versions_are_stamped_from_go_mod():
    flags = binaries.ldflags(GO_MOD)
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in flags
    assert "-X k8s.io/component-base/version.gitMinor=37" in flags
    assert "-X helm.sh/helm/v4/internal/version.version=v4.3.1" in flags
    assert "-X helm.sh/helm/v3/internal/version.version=v3.22.0" in flags


def test_etcd_is_not_called_by_its_module_version():
    assert binaries.programs(GO_MOD) == ["ctr", "etcd", "helm", "pause"]


def test_helm_3_is_not_made_along():
    assert binaries.HELM3 in GO_MOD
    assert binaries.HELM3 not in binaries.packages(GO_MOD)


def test_the_real_go_mod_names_every_component():
    names = binaries.programs((HERE / "go.mod").read_text())
    assert {"etcd", "kube-apiserver", "kubelet", "containerd-shim-runc-v2", "kwok"} <= set(names)


def test_an_unfinished_build_is_not_taken_for_whole(tmp_path):
    names = binaries.programs((HERE / "go.mod").read_text())
    for name in names[:-1]:
        (tmp_path / name).touch()
    assert not binaries.built(tmp_path)
    (tmp_path / names[-1]).touch()
    assert binaries.built(tmp_path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/arm64", (1, 27)),
        ("command not found", ()),
    ],
)
def test_reads_the_version_of_go(text, version):
    assert binaries.parse_go_version(text) == version


def test_an_older_go_does_not_do():
    wanted = binaries.wanted_go(GO_MOD)
    assert wanted <= (1, 26, 8)
    assert wanted > (1, 9, 9)
    assert wanted > ()


def test_a_module_that_is_not_required_is_named():
    with pytest.raises(ClusterError, match=r"k8s\.io/nonesuch"):
        binaries.module_version(GO_MOD, "k8s.io/nonesuch")
