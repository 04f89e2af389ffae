"""Archives of strangers."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.catalog import archive
from portal.catalog.archive import ArchiveError, unpack
from tests.unit.catalog.make import archive as packed
from tests.unit.catalog.make import chart_archive, member

CHART = member("a/Chart.yaml", b"apiVersion: v2\nname: a\nversion: 1.0.0\n")


def test_a_chart_is_unpacked(tmp_path: Path) -> None:
    root = unpack(packed(member("a", type=tarfile.DIRTYPE), CHART, member("a/t/x", b"1")), tmp_path)
    assert root == tmp_path / "a"
    assert (root / "t" / "x").read_text() == "1"


def test_packed_subcharts_are_unpacked_too(tmp_path: Path) -> None:
    inner = chart_archive("b", values_DOT_yaml="x: 1")
    root = unpack(packed(CHART, member("a/charts/b-1.0.0.tgz", inner)), tmp_path)
    assert (root / "charts" / "b" / "values.yaml").read_text() == "x: 1"
    assert not list(root.rglob("*.tgz"))
    below = unpack(packed(CHART, member("a/charts/c/charts/b.tgz", inner)), tmp_path / "below")
    assert (below / "charts" / "c" / "charts" / "b" / "values.yaml").exists()


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (member("a/../../x", b"1"), "outside"),
        (member("/etc/x", b"1"), "outside"),
        (member("a\\..\\x", b"1"), "outside"),
        (member("a/C:x", b"1"), "outside"),
        (member("a/x\ny", b"1"), "outside"),
        (member("b/x", b"1"), "one folder"),
        (member("x", b"1"), "one folder"),
        (member("a/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "link"),
        (member("a/x", type=tarfile.LNKTYPE, linkname="a/Chart.yaml"), "link"),
        (member("a/x", type=tarfile.CHRTYPE), "link or a device"),
        (member("a/x", type=tarfile.FIFOTYPE), "link or a device"),
        (CHART, "twice"),
        (member("a/charts/b.tgz", b"no archive"), "damaged"),
    ],
)
def test_hostile_members_are_refused(
    tmp_path: Path, hostile: tuple[tarfile.TarInfo, bytes], words: str
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    with pytest.raises(ArchiveError, match=words):
        unpack(packed(CHART, hostile), place)
    assert [each.name for each in tmp_path.iterdir()] == ["in"]
    assert not any(each.is_symlink() for each in place.rglob("*"))


def test_nothing_grows_without_end(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="unpacks to more"):
        unpack(gzip.compress(bytes(archive.MAX_UNPACKED + 1)), tmp_path)
    with pytest.raises(ArchiveError, match="too large"):
        unpack(packed(CHART, member("a/x", bytes(archive.MAX_FILE + 1))), tmp_path / "1")
    with pytest.raises(ArchiveError, match="larger than"):
        unpack(bytes(archive.MAX_PACKED + 1), tmp_path)
    many = (member(f"a/{number}") for number in range(archive.MAX_FILES))
    with pytest.raises(ArchiveError, match="more than 3000 files"):
        unpack(packed(CHART, *many), tmp_path / "2")


def test_archives_within_archives_share_one_limit(tmp_path: Path) -> None:
    inner = packed(member("b/Chart.yaml"), *(member(f"b/{n}", bytes(2**22)) for n in range(6)))
    outer = packed(CHART, *(member(f"a/charts/{n}.tgz", inner) for n in range(3)))
    with pytest.raises(ArchiveError, match=r"unpacks to more|twice"):
        unpack(outer, tmp_path)
    deep = CHART[1]
    for _ in range(archive.MAX_NESTED + 2):
        deep = packed(CHART, member("a/charts/x.tgz", deep))
    with pytest.raises(ArchiveError):
        unpack(deep, tmp_path / "deep")


def test_an_archive_without_its_end_is_damaged(tmp_path: Path) -> None:
    whole = chart_archive()
    for cut in (0, 1, 20, len(whole) - 1):
        with pytest.raises(ArchiveError):
            unpack(whole[:cut], tmp_path / str(cut))


@settings(max_examples=200)
@given(data=st.data())
def test_damage_is_refused_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(gzip.decompress(chart_archive(values_DOT_yaml="x: 1")))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, 1535))] = data.draw(st.integers(0, 255))
    place = tmp_path_factory.mktemp("damaged")
    try:
        root = unpack(gzip.compress(bytes(whole)), place)
    except ArchiveError:
        return
    assert root.is_relative_to(place)


def test_what_helm_leaves_out_or_takes_of_an_archive(tmp_path: Path) -> None:
    inner = chart_archive("sub")
    whole = packed(
        member("tiny/Chart.yaml", b"apiVersion: v2\nname: tiny\nversion: 1.0.0\n"),
        member("tiny/.helmignore", b"*.json\n"),
        member("tiny/charts/_sub.tgz", inner),
    )
    folder = unpack(whole, tmp_path)
    assert not (folder / ".helmignore").exists(), "rules count for folders only"
    assert (folder / "charts" / "_sub.tgz").exists()
    assert not (folder / "charts" / "sub").exists()
