import io
import json
import tarfile

import pytest

from dev.cluster import images, registry
from dev.cluster.baseimages import mirror
from dev.cluster.context import files, inputs_hash
from dev.cluster.errors import ClusterError


@pytest.fixture
def context(tmp_path):
    for name, text in {
        "Dockerfile": "FROM scratch",
        "app.py": "print()",
        "docs/page.md": "words",
        "sub/docs/page.md": "words",
        "a.log": "noise",
        "keep.log": "signal",
        ".git/HEAD": "ref",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / ".dockerignore").write_text("# no docs\ndocs\n/*.log\n!keep.log\n")
    return tmp_path


def names(context):
    return {str(path) for path in files(context)}


def test_dockerignore_matches_from_the_top_and_takes_back(context):
    assert names(context) == {
        ".dockerignore",
        "Dockerfile",
        "app.py",
        "keep.log",
        "sub/docs/page.md",
    }


def test_without_dockerignore_only_git_is_left_out(context):
    (context / ".dockerignore").unlink()
    assert "docs/page.md" in names(context)
    assert ".git/HEAD" not in names(context)


def of(context, **args):
    return inputs_hash(context, context / "Dockerfile", args)


def test_the_hash_follows_content_arguments_and_mode_but_not_what_is_ignored(context):
    first = of(context)
    assert of(context) == first
    assert of(context, BASE="x") != first
    (context / "docs/page.md").write_text("other words")
    assert of(context) == first
    (context / "app.py").chmod(0o755)
    second = of(context)
    assert second != first
    (context / "app.py").write_text("print(1)")
    assert of(context) != second


def test_the_hash_follows_the_base_image(context):
    dockerfile = context / "Dockerfile"
    assert inputs_hash(context, dockerfile, {}, ["sha256:1"]) != inputs_hash(
        context, dockerfile, {}, ["sha256:2"]
    )


def test_a_dangling_link_does_not_stop_it(context):
    (context / "link").symlink_to("nowhere")
    before = of(context)
    (context / "link").unlink()
    assert of(context) != before


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("mine", "localhost:5000/mine:latest"),
        ("mine:2", "localhost:5000/mine:2"),
        ("team/mine:2", "localhost:5000/team/mine:2"),
        ("docker.io/library/mine:2", "localhost:5000/library/mine:2"),
        ("localhost/mine:2", "localhost:5000/mine:2"),
        ("localhost:5000/mine:2", "localhost:5000/mine:2"),
        ("registry.example:8443/team/mine", "localhost:5000/team/mine:latest"),
    ],
)
def test_every_image_gets_a_name_in_the_local_registry(image, name):
    assert registry.local_name(image) == name


def test_splits_a_name():
    assert registry.split("localhost:5000/a/b:1.0") == ("a/b", "1.0")
    assert registry.split("localhost:5000/a") == ("a", "latest")


def test_pip_takes_the_environment_over_its_files():
    text = "global.timeout='5'\n:env:.timeout='9'\nglobal.cert='/c'\nfreeze.timeout='1'\nnoise\n"
    assert images.parse_pip_list(text) == {"timeout": "9", "cert": "/c"}


def test_only_what_matters_in_a_build_goes_there(tmp_path):
    options = {"index-url": "https://i%40x/simple", "user": "true", "find-links": str(tmp_path)}
    text, directories = images.pip_config(options)
    assert "index-url = https://i%40x/simple" in text
    assert "user" not in text
    assert directories == [str(tmp_path)]


def archive(path, **members):
    with tarfile.open(path, "w") as tar:
        for name, value in members.items():
            data = json.dumps(value).encode()
            info = tarfile.TarInfo(f"{name}.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_tells_archives_apart(tmp_path):
    docker = archive(tmp_path / "d.tar", manifest=[{"RepoTags": ["a:1"]}], index={})
    assert images.archive(docker) == ("docker-archive", "a:1")
    note = {"org.opencontainers.image.ref.name": "a:2"}
    oci = archive(tmp_path / "o.tar", index={"manifests": [{"annotations": note}]})
    assert images.archive(oci) == ("oci-archive", "a:2")
    with pytest.raises(ClusterError, match="neither"):
        images.archive(archive(tmp_path / "x.tar", other={}))


def test_takes_the_mirror_of_the_main_suite():
    listed = "http://s.example/sec bookworm-security main\nhttp://m.example/deb bookworm main\n"
    assert mirror(listed) == ["http://m.example/deb"]
    assert mirror("http://m.example/ubuntu noble main\n") == []
