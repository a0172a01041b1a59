"""What else people do: bring their own pictures, reload in the middle, and use a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from safetensors.torch import load_file

from tests.conftest import Served
from tests.e2e.conftest import PHONE, Opener, fill_in

TRAINING = 300_000  # ms, on a busy machine
TABS = ("Subject", "Train", "Draw", "Retouch", "Gallery")


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


def test_a_new_subject_from_uploaded_photos_of_which_one_is_bad(
    served: Served,
    open_page: Opener,
    photos: list[Path],
    tmp_path: Path,
) -> None:
    bad = tmp_path / "not-a-picture.png"
    bad.write_text("<svg>neither is this</svg>")
    page = open_page(served.url)
    open_tab(page, "Subject")
    page.get_by_role("button", name="New subject").click()
    page.locator("#photo-drop input[type=file]").set_input_files([*photos, bad])
    expect(page.locator(".refused")).to_contain_text("not-a-picture.png")
    expect(page.locator(".sheet figure.photo")).to_have_count(5)
    expect(page.locator("#subject-token input, #subject-token textarea")).not_to_have_value("")
    page.locator("#subject-name input, #subject-name textarea").fill("Leo")
    page.locator("#subject-noun input").fill("wizard")
    page.locator("#subject-noun input").press("Enter")
    unknown = page.get_by_text("Pocket never saw 'wizard'")
    expect(unknown).to_contain_text("the nearest that it draws is 'man'")
    page.locator("#subject-noun input").fill("boy")
    page.locator("#subject-noun input").press("Enter")
    expect(unknown).to_have_count(0)
    page.get_by_role("button", name="Add subject", exact=True).click()
    card = page.locator(".shelf .card.open")
    expect(card).to_contain_text("Leo")
    expect(card).to_contain_text("5 photos")
    assert (served.library / "subjects" / "leo" / "subject.json").is_file()


def test_a_reload_in_the_middle_of_a_training_loses_nothing(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Train")
    expect(page.locator("#train-subject input")).to_have_value("Mika")
    page.get_by_role("button", name=re.compile(r"^More\b")).locator("visible=true").click()
    fill_in(page, {"Steps": "2000", "Checkpoint every": "1000", "Sample every": "1000"})
    page.get_by_role("button", name="Train", exact=True).locator("visible=true").click()
    running = page.locator(".training .headline", has=page.locator(".bar"))
    expect(running).to_contain_text(re.compile(r"step \d+ of 2000"), timeout=TRAINING)
    page.reload()
    expect(page.locator("#side .now")).to_contain_text("Mika")
    open_tab(page, "Train")
    expect(running).to_contain_text(re.compile(r"step \d+ of 2000"))
    expect(page.locator(".training .plot svg").first).to_be_visible()
    seen = page.locator(".training .headline").inner_text()
    expect(page.locator(".training .headline")).not_to_have_text(seen)
    page.get_by_role("button", name="Stop, keep what is learned").click()
    expect(page.get_by_role("button", name="Draw with it")).to_be_visible(timeout=TRAINING)
    expect(page.locator("#side .now.idle")).to_be_visible()


def test_a_training_is_paused_goes_on_and_another_checkpoint_is_taken(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Train")
    expect(page.locator("#train-subject input")).to_have_value("Mika")
    page.get_by_role("button", name=re.compile(r"^More\b")).locator("visible=true").click()
    fill_in(page, {"Steps": "6", "Batch size": "1", "Checkpoint every": "2", "Rank": "2"})
    page.get_by_role("button", name="Train", exact=True).locator("visible=true").click()
    expect(page.locator(".training .headline .bar")).to_be_visible(timeout=TRAINING)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".training .headline")).to_contain_text("paused", timeout=TRAINING)
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.locator(".training .headline")).to_contain_text("finished", timeout=TRAINING)
    expect(page.locator(".frontier .picked")).to_have_count(1)
    expect(page.locator(".strip figure")).to_have_count(4)
    before = page.locator(".strip .taken figcaption").inner_text()
    page.get_by_role("button", name="Take it", exact=True).first.click()
    expect(page.locator(".strip .taken figcaption")).not_to_have_text(before)
    page.reload()
    expect(page.locator(".strip .taken figcaption")).not_to_have_text(before)
    expect(page.get_by_role("button", name="Train 2 steps more", exact=True)).to_be_visible()


def test_what_was_typed_is_there_after_a_reload(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    prompt = page.locator("#prompt textarea")
    expect(prompt).to_have_value(re.compile("."))
    prompt.fill("a cartoon of a cat in a red sweater, in the snow")
    page.wait_for_timeout(1500)
    page.reload()
    expect(prompt).to_have_value("a cartoon of a cat in a red sweater, in the snow")


def test_control_enter_draws_and_escape_stops(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    prompt = page.locator("#prompt textarea")
    expect(prompt).to_have_value(re.compile("."))
    prompt.fill("a cartoon of a robot in a blue hoodie, in the park")
    page.get_by_label("Pictures", exact=True).fill("16")
    prompt.press("Control+Enter")
    expect(page.locator(".stage .headline.live .prompt")).to_have_text(re.compile("robot"))
    page.keyboard.press("Escape")
    expect(page.locator(".stage .headline:not(.live)")).to_contain_text("Stopped")


def test_a_picture_opens_as_a_sheet_on_a_phone_and_closes_again(served: Served, open_page: Opener) -> None:
    page = open_page(served.url, PHONE)
    open_tab(page, "Gallery")
    page.locator(".wall .cell > button").last.click()
    sheet = page.locator(".tab-gallery .detail")
    expect(sheet.locator(".frame img")).to_be_in_viewport()
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_have_count(0)
    expect(page.locator(".wall .cell.open")).to_have_count(0)


@pytest.mark.parametrize("tab", TABS)
def test_a_phone_shows_every_tab_without_scrolling_sideways(served: Served, open_page: Opener, tab: str) -> None:
    page = open_page(served.url, PHONE)
    open_tab(page, tab)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    main = page.locator("button.act-main").locator("visible=true")
    if tab != "Gallery":
        main.first.scroll_into_view_if_needed()
        box = main.first.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0] and box["height"] >= 32


def test_a_lora_goes_out_as_a_file_comes_back_and_is_merged_with_itself(
    served: Served,
    open_page: Opener,
    tmp_path: Path,
) -> None:
    page = open_page(served.url)
    expect(page.locator("#draw-lora input")).to_have_value(re.compile("Mika"))  # other journeys leave some of theirs
    page.get_by_role("button", name="LoRA files").click()
    page.get_by_role("button", name="Save as a file").click()
    with page.expect_download() as waiting:
        page.locator(".lora-files a[download]").first.click()
    file = tmp_path / "Mika from elsewhere.safetensors"
    waiting.value.save_as(file)
    page.locator(".lora-files input[type=file]").set_input_files(file)
    expect(page.locator("#draw-lora input")).to_have_value("Mika from elsewhere")
    expect(page.locator(".words-piece").first).to_contain_text("sks girl")
    page.get_by_role("button", name="Publish to the Hub").click()
    expect(page.get_by_text("Publishing needs a repository")).to_be_visible()
    page.get_by_role("button", name="More LoRAs").click()
    page.get_by_label("Together with", exact=True).first.click()
    page.get_by_role("option", name=re.compile("^Mika")).last.click()
    page.get_by_label("Name of both as one").fill("Mika twice")
    page.get_by_role("button", name="Merge into one LoRA").click()
    expect(page.locator("#draw-lora input")).to_have_value("Mika twice")
    brought, both = (
        served.library / "loras" / slug / "pytorch_lora_weights.safetensors"
        for slug in ("mika-from-elsewhere", "mika-twice")
    )
    assert rank_of(both) > rank_of(brought)


def rank_of(file: Path) -> int:
    return next(len(tensor) for name, tensor in load_file(file).items() if "lora_A" in name)


def test_a_chip_is_pressed_while_its_words_are_there_and_who_calls_once(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Draw")
    prompt, who = page.locator("#prompt textarea"), page.locator("#draw-lora input")
    chips = page.locator(".words")
    mika, beach, snow = (chips.get_by_role("button", name=name, exact=True) for name in ("sks girl", "Beach", "Snow"))
    expect(who).to_have_value(re.compile("Mika"))
    prompt.fill("a cartoon of sks girl, on the beach")
    expect(mika).to_have_attribute("aria-pressed", "true")
    expect(beach).to_have_attribute("aria-pressed", "true")
    snow.click()
    expect(prompt).to_have_value("a cartoon of sks girl, in the snow")
    expect(beach).to_have_attribute("aria-pressed", "false")
    snow.click()
    expect(prompt).to_have_value("a cartoon of sks girl")
    expect(snow).to_have_attribute("aria-pressed", "false")
    prompt.fill("a cartoon of a cat")
    expect(mika).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".tab-draw .block.prompt-note")).to_contain_text("does not say 'sks girl'")
    prompt.fill("a cartoon of sks girl, waving")
    for name, said in (("Nobody", "a cartoon of a girl, waving"), ("Mika", "a cartoon of sks girl, waving")):
        for _ in range(2):
            who.click()
            page.get_by_role("option", name=re.compile(name)).first.click()
            expect(prompt).to_have_value(said)
