"""What people take away of an autoscaler's page, and the loads that they bring."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from portal.domain.keys import Key
from portal.ui import ids
from portal.ui.routes import autoscaling_path

from .observed import tab
from .site import Running
from .states import made_up

pytestmark = pytest.mark.pages

BEGINS = {"CSV": b"time,desired", "Parquet": b"PAR1", "SVG": b"<?xml", "PNG": b"\x89PNG\r\n"}


def test_the_chart_and_its_samples_are_files(
    browser: Browser, sites: Running, tmp_path: Path
) -> None:
    with tab(browser) as here:
        here.open(sites.url("portal") + autoscaling_path(Key("apps", "scaled")))
        for form, begins in BEGINS.items():
            with here.page.expect_download() as saved:
                here.page.get_by_role("button", name=f"Save as {form}").click()
            name = saved.value.suggested_filename
            assert name.startswith("Autoscaling-of-scaled-20"), name
            assert name.endswith(f"Z.{form.lower()}")
            saved.value.save_as(tmp_path / name)
            assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_link_holds_range_and_pause_holds_the_chart(browser: Browser, sites: Running) -> None:
    with tab(browser) as here:
        here.open(sites.url("portal") + autoscaling_path(Key("apps", "scaled")))
        here.page.get_by_role("button", name="10 min").click()
        here.page.get_by_role("button", name="Pause").click()
        expect(here.page.locator(".chart-said")).to_contain_text("Paused at")
        expect(here.page).to_have_url(re.compile("range=600"))
        here.open(here.page.url)
        chosen = here.page.get_by_role("button", name="10 min")
        expect(chosen).to_have_attribute("aria-pressed", "true")


def test_a_file_of_loads_is_replayed_or_refused_beside_its_field(
    browser: Browser, sites: Running
) -> None:
    given = "/launch?image=registry.example.com/team/app:1.0&cpu_request=100m&max=6&target_cpu=70"
    with tab(browser) as here:
        here.open(sites.url("portal") + given)
        made_up("launch", "file")(here.page)
        field = here.page.locator(f"#{ids.shape('launch', 'file')} input")
        note = here.page.locator(f"#{ids.shape_note('launch', 'file')}")

        def bring(text: str) -> None:
            field.set_input_files(
                {"name": "load.csv", "mimeType": "text/csv", "buffer": text.encode()}
            )

        bring("08:00,0.1\n08:20,<img src=x onerror=alert(1)>\n")
        expect(note).to_contain_text("Line 2: “<img src=x")
        bring("08:00,0.1\n08:20,0.5\n08:40,0.1\n")
        expect(here.page.get_by_test_id("launch-shape-figures")).to_contain_text("Pod-hours")
        expect(note).to_be_empty()
