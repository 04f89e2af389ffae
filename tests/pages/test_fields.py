"""Fields of forms: what is typed just before a button is pressed is what the button finds."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from .observed import tab
from .site import Running
from .states import STATES

pytestmark = pytest.mark.pages

# Types into each field and leaves it, and tells those of which Dash does not know the text. All in
# one task of the page, so that no pause of a field can end meanwhile.
TYPED = """() => {
  const fields = "input:is([type=text], [type=number], :not([type])), textarea";
  const inside = document.querySelector(".modal.show") ?? document;
  const id = (each) => {
    const found = each.id || each.closest(".dash-slider-container")?.id || "";
    return found.startsWith("{") ? JSON.parse(found) : found;
  };
  const known = (each) =>
    [].concat(dash_component_api.getLayout(id(each))?.props.value ?? "").map(String);
  const found = [...inside.querySelectorAll(fields)].filter((each) =>
    id(each) && !each.readOnly && !each.disabled && each.checkVisibility());
  const lost = found.filter((each) => {
    const step = Number(each.step) || 1;
    const lower = Number(each.value) - step >= Number(each.min || 0);
    const number = String(Number(each.value) + (lower ? -step : step));
    const text = each.type === "number" ? number : `${each.value}x`;
    const kind = each.nodeName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    each.focus();
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(each, text);
    each.dispatchEvent(new Event("input", { bubbles: true }));
    each.blur();
    return !known(each).includes(text);
  });
  return [found.length, lost.map((each) => `${each.id}: ${each.value}, known ${known(each)}`)];
}"""

FORMS = {
    "app-load-test": 3,
    "app-unfolded": 4,
    "app-shared-badly": 2,
    "app-people-signed-in": 1,
    "autoscaling-made-up": 3,
    "autoscaling-unfolded": 6,
    "chart-unfolded": 3,
    "launch-unfolded": 8,
    "new-project-empty": 4,
    "own-projects-none-asking": 2,
}
"""The states with the portal's forms, and how many fields one has at least."""


@pytest.mark.parametrize("form", FORMS)
def test_what_is_typed_last_is_what_counts(browser: Browser, sites: Running, form: str) -> None:
    (state,) = (each for each in STATES if each.id == form)
    with tab(browser) as here:
        here.open(sites.url(state.site) + state.path)
        state.act(here.page)
        here.page.locator(state.shows).first.wait_for()
        here.idle()
        amount, lost = here.page.evaluate(TYPED)
    assert amount >= FORMS[form]
    assert lost == []
