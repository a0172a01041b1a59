"""Dress in a browser: two outfits in two scenes, stopped, gone on with and saved; and how outfits act."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import Served
from tests.e2e.conftest import Opener, fill_in
from tests.e2e.test_journeys import open_tab

DRAWING = 240_000  # ms, on a busy machine


def begin(page: Page, *scenes: str) -> None:
    """Dress, with the outfits of the sample library in these scenes alone, drawn in few steps."""
    open_tab(page, "Dress")
    expect(page.locator(".wardrobe .card.taken")).to_have_count(2)
    for chip in page.locator(".scenes .chip.taken").all_inner_texts():
        if chip not in scenes:
            page.locator(".scenes").get_by_role("button", name=chip, exact=True).click()
            expect(page.locator(".scenes").get_by_role("button", name=chip, exact=True)).to_have_attribute(
                "aria-pressed", "false"
            )
    page.locator(".dressing").get_by_role("button", name="More").click()
    fill_in(page, {"First seed": "5"})
    steps = page.locator(".dressing").get_by_label("number input for Steps")
    steps.fill("4")
    steps.press("Tab")


def test_two_outfits_in_two_scenes_are_drawn_stopped_gone_on_with_and_saved(
    served: Served, open_page: Opener, tmp_path: Path
) -> None:
    page = open_page(served.url)
    begin(page, "Beach", "Snow")
    expect(page.locator(".dressing")).to_contain_text("2 outfits in 2 scenes: 4 pictures")
    page.get_by_role("button", name="Dress", exact=True).click()
    cells = page.locator(".set-cell > button img")
    expect(cells.first).to_be_visible(timeout=DRAWING)
    page.locator(".dressed").get_by_role("button", name="Stop").click()
    expect(page.locator(".dressed")).to_contain_text("Stopped", timeout=DRAWING)
    page.reload()
    open_tab(page, "Dress")
    page.locator(".set-foot").get_by_role("button", name="missing").click()
    expect(cells).to_have_count(4, timeout=DRAWING)
    expect(page.locator(".set-row").all()[0]).to_have_text("Red coat")
    expect(page.locator(".set-cell .side-effect")).to_have_count(8)
    page.get_by_role("button", name="Save the grid and its files").click()
    with page.expect_download() as fetched:
        page.locator("a[download$='.zip']").first.click()
    fetched.value.save_as(tmp_path / "set.zip")
    assert len(zipfile.ZipFile(tmp_path / "set.zip").namelist()) == 4
    sets = [json.loads(file.read_text()) for file in (served.library / "sets").glob("*/set.json")]
    assert 4 in [len(set(one["cells"].values())) for one in sets]
    cells.first.click()
    expect(page.get_by_role("tab", name="Gallery", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".detail")).to_contain_text("Red coat")


def test_how_an_outfit_acts_is_set_by_presets_sliders_and_the_dict_alike(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Dress")
    page.get_by_role("button", name="How it acts").click()
    page.locator(".acting").get_by_role("button", name="Both, gently").click()
    text = page.locator("#block-scales textarea")
    expect(text).to_have_value('{"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}')
    slider = page.locator("input[data-layer='mid']")
    slider.fill("0.5")
    expect(text).to_have_value('{"down": {"block_2": [0.0, 0.4]}, "mid": 0.5, "up": {"block_0": [0.0, 0.85, 0.0]}}')
    text.fill('{"up": {"block_7": 1}}')
    text.blur()
    expect(page.locator(".toast-body.error")).to_contain_text("no 'block_7' in up; it has block_0, block_1")
    expect(slider).to_have_value("0.5")
    text.fill("0.75")
    text.blur()
    expect(slider).to_have_value("0.75")


def test_an_outfit_is_taken_out_of_a_picture_and_removed_again(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Gallery")
    page.get_by_label("Favourites").check()  # the sample library's own: others' may be too rough to find clothes in
    expect(page.locator(".wall .cell")).to_have_count(1)
    page.locator(".wall .cell button").first.click()
    page.locator(".detail").get_by_role("button", name="Take the outfit").click()
    expect(page.get_by_role("tab", name="Dress", exact=True)).to_have_attribute(
        "aria-selected", "true", timeout=DRAWING
    )
    cards = page.locator(".wardrobe .carded")
    expect(cards).to_have_count(3)
    cards.last.hover()
    cards.last.locator(".small").click()
    page.locator(".card.asking").get_by_role("button", name="Remove").click()
    expect(cards).to_have_count(2)
