"""The volume of the demo's portal."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dev import demo, volume
from dev.cluster.choose import How


def test_the_claim_is_bound_to_the_volume_and_named_in_the_charts_values() -> None:
    made, claim = json.loads(volume.objects(Path("/state/portal-data"), "lab"))["items"]
    assert made["spec"]["claimRef"] == {"namespace": "lab", "name": claim["metadata"]["name"]}
    assert claim["spec"]["volumeName"] == made["metadata"]["name"]
    for name in ("accessModes", "storageClassName"):
        assert made["spec"][name] == claim["spec"][name]
    given = demo.values(How.LOCAL, "")["persistence"]
    assert given == {"enabled": True, "existingClaim": claim["metadata"]["name"]}


def test_a_cluster_with_a_class_of_volumes_makes_its_own() -> None:
    assert demo.values(How.KIND, "")["persistence"] == {"enabled": True, "existingClaim": ""}


def test_the_folder_belongs_to_the_images_user() -> None:
    dockerfile = (demo.ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.M)[-1] == (str(volume.USER),) * 2
