"""How sure the desk says that a label is."""

import pytest
from playwright.async_api import Page, expect

from models.ticket import Label, Labels
from tests.browser.kit import sign_in
from tests.contract.desk.world import World


@pytest.mark.parametrize(
    ("by", "confidence", "shown"),
    [("model", 0.9996, "99%"), ("model", 0.584, "58%"), ("agent", 1.0, "100%")],
)
async def test_certain_is_only_what_a_person_has_decided(
    page: Page, url: str, house: World, by: str, confidence: float, shown: str
) -> None:
    me = await house.person("li")
    label = Label(value="投诉", confidence=confidence, accepted=True, by=by)
    ticket = await house.ticket(labels=Labels(facets={"type": label}, bundle="b1"))
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".percent")).to_have_text(shown)
