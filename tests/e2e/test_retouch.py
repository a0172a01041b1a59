"""The easel in a real browser: clothing found by a word, by a click and by hand, mended, saved, and brought back."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import studio
from studio.session import EXAMPLES
from tests.conftest import Served
from tests.e2e.conftest import DESKTOP, PHONE, Opener
from tests.e2e.test_journeys import open_tab

with Image.open(max((EXAMPLES / "pictures").rglob("[!.]*.png"))) as sample:
    SIDE = sample.width

MIKA = "sks girl, smiling, in the park"  # a picture of the sample library
PAINTING = 120_000  # ms, on a busy machine

INSIDE = """() => {
    const canvas = document.querySelector('.easel-mask'), alone = document.querySelector('[name=alone]');
    const was = alone.checked;
    if (!was) alone.click();
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let white = 0;
    for (let at = 0; at < data.length; at += 4) white += data[at] > 127;
    if (!was) alone.click();
    return white / (canvas.width * canvas.height);
}"""


def on_the_easel(page: Page) -> None:
    """The first picture of Mika in the sample library, whatever other tests have drawn since."""
    open_tab(page, "Gallery")
    search = page.locator("#gallery-search textarea, #gallery-search input")
    first = page.locator(".wall .cell > button").last
    for _ in range(20):  # the page may not listen yet
        search.fill("")
        search.fill(MIKA)
        page.wait_for_timeout(1_500)
        if MIKA in (first.get_attribute("title") or ""):
            break
    expect(first).to_have_attribute("title", re.compile(MIKA))
    first.click()
    page.locator(".detail").get_by_role("button", name="Retouch", exact=True).click()
    expect(page.locator(".easel-note")).to_have_text(re.compile("Paint over what shall change"))


def inside(page: Page) -> float:
    """How much of the picture is in the mask."""
    return page.evaluate(INSIDE)


def make_png(size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, "PNG")
    return data.getvalue()


def settled(page: Page) -> None:
    """The server has answered."""
    expect(page.locator(".easel.busy")).to_have_count(0)


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where on the page a part of the picture is."""
    box = page.locator(".easel-paper").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=6)
    page.mouse.up()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_clothing_is_found_by_a_word_mended_by_brush_and_saved(
    served: Served,
    open_page: Opener,
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    page = open_page(served.url, size)
    on_the_easel(page)
    page.get_by_label("What to find").fill("clothing")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator(".thing")).to_have_count(1)
    expect(page.locator(".found button")).to_contain_text(re.compile(r"clothing [01]\.\d\d"))
    settled(page)
    found = inside(page)
    assert 0.03 < found < 0.5

    page.locator(".found button").click()
    assert inside(page) < 0.005, "a click on its name drops it"
    page.locator(".found button").click()
    assert abs(inside(page) - found) < 0.005

    page.get_by_role("button", name="Brush", exact=True).click()
    name = page.locator(".found button").bounding_box()
    page.mouse.move(name["x"] + 8, name["y"] + name["height"] / 2)
    page.mouse.down()
    page.mouse.move(name["x"] + 90, name["y"] - 12, steps=6)
    page.mouse.up()
    assert inside(page) > found + 0.003, "a stroke may begin on a name"
    expect(page.locator(".found.kept")).to_have_count(1)
    page.get_by_role("button", name="Undo", exact=True).click()
    stroke(page, (0.1, 0.1), (0.3, 0.1))
    painted = inside(page)
    assert painted > found + 0.005
    page.get_by_role("button", name="Undo", exact=True).click()
    assert abs(inside(page) - found) < 0.005
    page.get_by_role("button", name="Redo", exact=True).click()
    assert abs(inside(page) - painted) < 0.005

    page.get_by_role("button", name="Eraser", exact=True).click()
    stroke(page, (0.45, 0.65), (0.55, 0.65))
    erased = inside(page)
    assert erased < painted
    page.locator(".found button").click()
    page.locator(".found button").click()
    assert abs(inside(page) - erased) < 0.002, "what was erased stays erased"

    page.get_by_role("button", name="Grow", exact=True).click()
    settled(page)
    assert inside(page) > erased
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the mask").click()
    download.value.save_as(tmp_path / "mask.png")
    mask = Image.open(tmp_path / "mask.png")
    assert mask.size == (SIDE, SIDE) and mask.mode == "L"
    assert abs((np.asarray(mask) > 127).mean() - inside(page)) < 0.01

    page.wait_for_timeout(800)
    kept = inside(page)
    page.reload()
    expect(page.get_by_role("tab", name="Retouch", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".easel-note")).to_have_text(re.compile("Your mask is back"))
    assert abs(inside(page) - kept) < 0.005, "a reload loses nothing"

    page.get_by_role("button", name="Clear", exact=True).click()
    assert inside(page) == 0
    page.locator("[name=mask-file]").set_input_files(tmp_path / "mask.png")
    expect(page.locator(".easel-note")).to_have_text(re.compile("of the picture"))
    settled(page)
    assert abs(inside(page) - kept) < 0.01, "the saved mask comes back"


def test_a_click_a_point_against_and_a_box_find_shapes(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    on_the_easel(page)
    page.get_by_role("button", name="Click", exact=True).click()
    page.mouse.click(*place(page, 0.5, 0.62))
    expect(page.locator(".thing")).to_have_count(1)
    settled(page)
    assert inside(page) > 0.01
    assert page.locator(".candidate").count() > 1
    first = inside(page)
    page.locator(".candidate").nth(1).click()
    page.wait_for_timeout(300)
    assert inside(page) != first, "another candidate is another shape"
    page.get_by_role("button", name="Not this", exact=True).click()
    page.mouse.click(*place(page, 0.5, 0.2))
    expect(page.locator(".dot")).to_have_count(2)
    settled(page)
    expect(page.locator(".thing")).to_have_count(1)

    page.get_by_role("button", name="Box", exact=True).click()
    stroke(page, (0.25, 0.1), (0.75, 0.5))
    expect(page.locator(".thing")).to_have_count(2)
    settled(page)
    page.get_by_text("Take away", exact=True).click()
    before = inside(page)
    stroke(page, (0.25, 0.1), (0.75, 0.5))
    expect(page.locator(".thing")).to_have_count(3)
    settled(page)
    assert inside(page) < before


def test_what_is_not_there_is_said_and_nothing_is_lost(served: Served, open_page: Opener, tmp_path: Path) -> None:
    page = open_page(served.url)
    on_the_easel(page)
    stroke(page, (0.4, 0.4), (0.6, 0.4))
    painted = inside(page)
    page.get_by_label("What to find").fill("a spaceship")
    page.get_by_label("What to find").press("Enter")
    expect(page.locator(".easel-note")).to_contain_text("Pocket does not know")
    Image.new("L", (64, 64), 255).save(tmp_path / "small.png")
    page.locator("[name=mask-file]").set_input_files(tmp_path / "small.png")
    expect(page.locator(".toast-body")).to_contain_text(f"The mask is 64 x 64 px and should be {SIDE} x {SIDE}")
    settled(page)
    assert inside(page) == painted


def test_the_last_picture_comes_onto_the_easel_and_so_do_files(
    served: Served,
    open_page: Opener,
    tmp_path: Path,
) -> None:
    page = open_page(served.url)
    open_tab(page, "Retouch")
    page.get_by_role("button", name="Take the last picture").click()
    last = max((served.library / "pictures").rglob("[!.]*.png"))
    with Image.open(last) as image:
        expect(page.locator(".easel-size")).to_have_text(f"{image.width} x {image.height}")
    mine = tmp_path / "mine.png"
    mine.write_bytes(make_png((160, 120)))
    page.locator("[name=picture-file]").set_input_files(mine)
    expect(page.locator(".easel-size")).to_have_text("160 x 120")
    assert list((served.library / "images").glob("*.png"))
    picture = base64.b64encode(make_png((96, 160))).decode()
    dropped = page.evaluate_handle(
        """data => {
        const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0)), carried = new DataTransfer();
        carried.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
        return carried;
    }""",
        picture,
    )
    page.dispatch_event(".easel-stage", "drop", {"dataTransfer": dropped})
    expect(page.locator(".easel-size")).to_have_text("96 x 160")


def put_on(page: Page, outfit: str) -> None:
    card = page.locator(".paint .card", has_text=outfit)
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")


def painted(page: Page) -> None:
    """Wait until a repainting is done, and look at what the page says of it."""
    unchanged = page.locator(".painted .unchanged")
    expect(unchanged).to_have_text(re.compile("^Outside the mask: unchanged, every pixel"), timeout=PAINTING)
    expect(page.locator(".painted .compare img").first).to_be_visible()


def in_few_steps(page: Page) -> None:
    page.locator(".paint").get_by_role("button", name="More").click()
    steps = page.locator(".paint").get_by_label("number input for Steps")
    steps.fill("4")
    steps.press("Tab")


def test_the_jacket_becomes_another_outfit_by_phrase_by_click_and_by_brush(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    on_the_easel(page)
    expect(page.locator("#retouch-prompt textarea")).to_have_value(re.compile("sks girl"))
    in_few_steps(page)
    put_on(page, "Sunday dress")
    page.get_by_role("button", name="Repaint", exact=True).click()
    expect(page.locator(".easel-note")).to_have_text(re.compile("The mask is empty"))

    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator(".thing")).to_have_count(1)
    settled(page)
    before = newest_recipe(served.library)
    page.get_by_role("button", name="Repaint", exact=True).click()
    await_another(page, served.library, before)
    painted(page)
    recipe = newest_recipe(served.library)
    assert recipe.request["type"] == "RepaintRequest" and recipe.outfits[0]["slug"] == "sunday-dress"
    assert recipe.estimates["changed outside"] == 0

    page.get_by_role("button", name="Retouch this").click()  # and on from there, with its mask
    expect(page.locator(".easel-note")).to_have_text(re.compile("It was repainted here"))
    assert inside(page) > 0.03
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_role("button", name="Click", exact=True).click()
    page.mouse.click(*place(page, 0.5, 0.65))
    expect(page.locator(".thing")).to_have_count(1)
    settled(page)
    page.locator(".paint label", has_text="Fix a detail").click()
    expect(page.locator(".about-intent")).to_contain_text("Strength 0.6")
    page.get_by_role("button", name="Repaint", exact=True).click()
    await_another(page, served.library, recipe)
    detail = newest_recipe(served.library)
    assert detail.request["strength"] == 0.6 and detail.request["outfit"] is None and detail.request["padding"] < SIDE

    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_role("button", name="Brush", exact=True).click()
    stroke(page, (0.4, 0.6), (0.6, 0.7))
    page.locator(".paint label", has_text="Remove").click()
    expect(page.locator(".about-intent")).to_contain_text("surroundings")
    page.keyboard.press("Control+Enter")
    await_another(page, served.library, detail)
    assert newest_recipe(served.library).request["masked_content"] == "surroundings"


def newest_recipe(library: Path) -> studio.Recipe:
    return studio.read_png(max((library / "pictures").rglob("[!.]*.png"), key=lambda path: path.stat().st_mtime_ns))


def await_another(page: Page, library: Path, recipe: studio.Recipe) -> None:
    """Wait for a newer picture than the one of this recipe."""
    for _ in range(PAINTING // 500):
        if newest_recipe(library) != recipe:
            return
        page.wait_for_timeout(500)
    raise AssertionError("nothing was painted")


def test_on_a_phone_whoever_is_in_a_picture_is_dressed_in_one_press(served: Served, open_page: Opener) -> None:
    page = open_page(served.url, PHONE)
    on_the_easel(page)
    in_few_steps(page)
    put_on(page, "Red coat")
    page.get_by_role("button", name="Find the clothes and dress").click()
    painted(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE[0], "nothing runs off the side"
    page.reload()
    open_tab(page, "Retouch")
    expect(page.locator(".painted .picture .frame img").first).to_be_visible()
    expect(page.locator(".paint .card", has_text="Red coat")).to_have_attribute("aria-pressed", "true")


def test_dress_puts_outfits_on_whoever_is_in_a_picture(served: Served, open_page: Opener) -> None:
    page = open_page(served.url)
    open_tab(page, "Dress")
    expect(page.locator(".wardrobe .card.taken").locator("visible=true")).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Or in a picture they are in")).click()
    page.get_by_role("button", name="Dress them in these pictures").click()
    expect(page.locator(".toast-body.error")).to_contain_text("Tick a picture first")
    page.locator(".toast-close").click()
    first = page.locator(".small-picture").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Dress them in these pictures").click()
    expect(page.locator(".worn-stage .unchanged")).to_have_count(2, timeout=PAINTING)
    expect(page.locator(".worn-stage .live")).to_have_count(0, timeout=PAINTING)
