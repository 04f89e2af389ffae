import json
from pathlib import Path

from dev import charts
from portal.catalog.archive import unpack
from portal.catalog.chart import read_chart
from portal.catalog.index import read_index
from portal.catalog.sources import Source, SourceKind

SOURCE = Source("samples", SourceKind.REPOSITORY, "http://charts.dash-portal.svc")


def test_the_demo_s_repository_can_be_read(tmp_path: Path):
    files = charts.repository()
    index = read_index(files["index.yaml"].decode(), SOURCE)
    assert index.skipped == 0
    offered = {each.name: [version.version for version in each.versions] for each in index.charts}
    assert offered == {
        "web-server": ["1.2.0", "1.1.0"],
        "task-cluster": ["0.4.0"],
        "bare": ["0.1.0"],
    }
    for entry in index.charts:
        for version in entry.versions:
            (url,) = version.urls
            place = tmp_path / entry.name / version.version
            unpack(files[url.rpartition("/")[2]], place)
            assert read_chart(place / entry.name, "samples").version.version == version.version
    assert charts.repository() == files, "the same each time, so that nothing is replaced"


def test_new_contents_replace_the_pod_that_serves_them():
    def mark(files: dict[str, bytes]) -> str:
        made = json.loads(charts.objects(files, "image", "here"))["items"]
        (deployment,) = [each for each in made if each["kind"] == "Deployment"]
        return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/charts"]

    assert mark({"a": b"1"}) == mark({"a": b"1"}) != mark({"a": b"2"})
