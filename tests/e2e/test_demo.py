"""docs/demo.md, clicked as it is written: every word in bold there is something that this test finds on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from studio.library.family_files import built_in
from tests.conftest import Served, serve
from tests.e2e.conftest import Opener, fill_in

POCKET = built_in()["pocket"]

DEMO = Path(__file__).resolve().parents[2] / "docs" / "demo.md"
DRAWING, TRAINING = 120_000, 300_000  # ms, on a busy machine


class Guide:
    """Finds things by the words of the guide, and remembers which words it has used."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.used: set[str] = set()

    def button(self, words: str) -> Locator:
        self.used.add(words)
        return self.page.get_by_role("button", name=words, exact=True)

    def fold(self, words: str) -> Locator:
        """What opens a folded part; its arrow belongs to its name."""
        self.used.add(words)
        return self.page.get_by_role("button", name=re.compile(rf"^{words}\b")).locator("visible=true")

    def tab(self, words: str) -> Locator:
        self.used.add(words)
        return self.page.get_by_role("tab", name=words, exact=True)

    def field(self, words: str) -> Locator:
        self.used.add(words)
        return self.page.get_by_label(words, exact=True).locator("visible=true").first


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio of its own: the guide begins where a newcomer does."""
    folder = tmp_path_factory.mktemp("demo")
    with serve(folder / "library", folder / "app.log") as studio:
        yield studio


@pytest.fixture
def guide(served: Served, open_page: Opener) -> Guide:
    return Guide(open_page(served.url))


def test_the_demo_can_be_walked(guide: Guide, served: Served) -> None:
    page = guide.page
    draw_at_once(guide)
    teach(guide)
    draw_with_what_was_learned(guide)
    dress(guide)
    retouch(guide, served)
    draw_again_from_the_gallery(guide, served)
    assert page.locator(".toast-body.error").count() == 0
    assert guide.used == set(re.findall(r"\*\*(.+?)\*\*", DEMO.read_text(encoding="utf-8")))


def draw_at_once(guide: Guide) -> None:
    page = guide.page
    expect(guide.tab("Draw")).to_have_attribute("aria-selected", "true")
    expect(guide.field("Who")).to_have_value("Mika")
    expect(prompt(page)).to_have_value(re.compile("sks girl.*on the beach"))
    draw(guide)
    guide.button("Forest").click()
    expect(prompt(page)).to_have_value(re.compile("sks girl.*in the forest"))
    draw(guide)
    guide.button("Without the LoRA").first.click()
    expect(page.locator(".compare img").first).to_be_visible(timeout=DRAWING)


def teach(guide: Guide) -> None:
    page = guide.page
    guide.tab("Subject").click()
    expect(page.locator(".sheet figure.photo img")).to_have_count(5)
    guide.button("Train Mika").click()
    expect(guide.tab("Train")).to_have_attribute("aria-selected", "true")
    guide.used.add("Quick")
    page.locator(".presets label", has_text="Quick").click()
    guide.fold("More").click()
    expect(guide.field("Steps")).to_have_value(
        str(POCKET.presets["Quick"].training["steps"])
    )  # the preset's have arrived
    fill_in(page, {"Steps": "24", "Sample every": "12"})
    guide.button("Train").locator("visible=true").click()
    expect(page.locator(".training .headline")).to_contain_text("24 of 24 steps", timeout=TRAINING)
    expect(page.locator(".training .plot svg").first).to_be_visible()
    expect(page.locator(".film figure")).to_have_count(3)  # before, at step 12, at the end


def draw_with_what_was_learned(guide: Guide) -> None:
    guide.button("Draw with it").click()
    expect(guide.tab("Draw")).to_have_attribute("aria-selected", "true")
    expect(prompt(guide.page)).to_have_value(re.compile("sks girl"))
    draw(guide)


def dress(guide: Guide) -> None:
    page = guide.page
    guide.tab("Dress").click()
    expect(page.locator(".wardrobe .card.taken").locator("visible=true")).to_have_count(2)
    for scene in ("Forest", "Night street", "Kitchen", "Snow"):
        chip = page.locator(".scenes").get_by_role("button", name=scene, exact=True)
        guide.used.add(scene)
        chip.click()
        expect(chip).to_have_attribute("aria-pressed", "false")
    guide.button("Dress").locator("visible=true").click()
    expect(page.locator(".set-cell > button img")).to_have_count(2, timeout=DRAWING)


def retouch(guide: Guide, served: Served) -> None:
    page = guide.page
    page.locator(".set-cell > button").first.click()
    expect(page.get_by_role("tab", name="Gallery", exact=True)).to_have_attribute("aria-selected", "true")
    guide.button("Retouch").locator("visible=true").first.click()
    expect(guide.tab("Retouch")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".easel.has-picture")).to_be_visible()
    choose(guide, "Sunday dress")
    guide.button("Find the clothes and dress").click()
    unchanged = page.locator(".painted .unchanged")
    expect(unchanged).to_have_text(re.compile("^Outside the mask: unchanged, every pixel"), timeout=DRAWING)
    expect(page.locator(".painted .compare img").first).to_be_visible()
    first = newest(served.library)
    guide.button("Find").click()
    expect(page.locator(".thing")).to_have_count(1)
    choose(guide, "Red coat")
    guide.button("Repaint").click()
    expect(page.locator(".painted .headline.live")).to_be_visible(timeout=DRAWING)
    expect(page.locator(".painted .headline.live")).to_have_count(0, timeout=DRAWING)
    expect(page.locator(".painted .picture .frame img")).to_have_count(1)
    assert newest(served.library) != first


def choose(guide: Guide, outfit: str) -> None:
    guide.used.add(outfit)
    card = guide.page.locator(".paint .card", has_text=outfit)
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")


def draw_again_from_the_gallery(guide: Guide, served: Served) -> None:
    page = guide.page
    guide.tab("Gallery").click()
    before = newest(served.library)
    page.locator(f'.wall .cell button[data-id="{before.stem}"]').click()
    expect(page.locator(f'.detail [data-act="replay"][data-id="{before.stem}"]')).to_be_visible()  # not the one before
    guide.button("Draw again").click()
    expect(guide.tab("Draw")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".stage .headline:not(.live)")).to_be_visible(timeout=DRAWING)
    expect(page.locator(".stage .picture .frame img")).to_have_count(1, timeout=DRAWING)
    after = newest(served.library)
    assert after != before
    assert same_pixels(before, after)


def draw(guide: Guide) -> None:
    """Press Draw and wait until the picture of this very prompt is on stage."""
    page = guide.page
    asked = prompt(page).input_value()
    guide.button("Draw").locator("visible=true").click()
    expect(page.locator(".stage .headline .prompt")).to_have_text(asked, timeout=DRAWING)
    expect(page.locator(".stage .headline:not(.live)")).to_be_visible(timeout=DRAWING)
    expect(page.locator(".stage .picture .frame img")).to_have_count(1)


def prompt(page: Page) -> Locator:
    return page.locator("#prompt textarea")


def same_pixels(first: Path, second: Path) -> bool:
    with Image.open(first) as one, Image.open(second) as other:
        return one.tobytes() == other.tobytes()


def newest(library: Path) -> Path:
    return max((library / "pictures").rglob("[!.]*.png"), key=lambda path: path.stat().st_mtime_ns)
