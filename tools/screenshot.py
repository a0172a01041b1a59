"""Take the README's pictures of the page: the sample character really drawn and dressed, her clothing really found.

    python -m tools.screenshot [--folder docs/images]

Run it again when the page or the bundled weights change. It needs what the tests need.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from tests.conftest import Served, serve
from tests.e2e.chromium import chromium

SIZE = ViewportSize(width=1280, height=880)
PATIENCE = 300_000  # ms
SEED = 27


def main(flags: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshot", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    folder = parser.parse_args(flags).folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser, served_in(Path(name)) as studio:
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(f"{studio.url}/?__theme=dark")
        dress(page)
        take(page, folder / "dress.png")
        find_clothing(page)
        take(page, folder / "retouch.png")
        put_on_another_outfit(page)
        take(page, folder / "repainted.png")
        page.get_by_role("tab", name="Draw", exact=True).click()
        draw_four(page)
        take(page, folder / "studio.png")


def take(page: Page, output: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(256).save(output, optimize=True)
    print(f"{output}: {output.stat().st_size / 1e3:.0f} kB")


def served_in(folder: Path) -> AbstractContextManager[Served]:
    return serve(folder / "library", folder / "app.log")


def dress(page: Page) -> None:
    expect.set_options(timeout=PATIENCE)
    page.get_by_role("tab", name="Dress", exact=True).click()
    expect(page.locator("#dress-prompt textarea")).not_to_have_value("")
    page.get_by_label("First seed", exact=True).fill(str(SEED))
    page.get_by_role("button", name="Dress", exact=True).click()
    expect(page.locator(".set-cell > button img")).to_have_count(10)
    page.mouse.move(0, 0)
    page.wait_for_timeout(3_000)  # until the tray has seen them too
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(500)


def find_clothing(page: Page) -> None:
    page.get_by_role("tab", name="Retouch", exact=True).click()
    page.get_by_role("button", name="Take the last picture").click()
    page.get_by_label("What to find").fill("clothing, face")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator(".thing")).to_have_count(2)
    expect(page.locator(".easel.busy")).to_have_count(0)
    page.mouse.move(0, 0)


def put_on_another_outfit(page: Page) -> None:
    page.get_by_label("Seed", exact=True).locator("visible=true").fill(str(SEED))
    page.locator(".paint .card", has_text="Red coat").click()
    page.get_by_role("button", name="Find the clothes and dress").click()
    expect(page.locator(".painted .unchanged")).to_be_visible()
    expect(page.locator(".painted .compare img").first).to_be_visible()
    page.locator(".painted .compare").scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(1_000)


def draw_four(page: Page) -> None:
    expect(page.locator("#prompt textarea")).not_to_have_value("")
    page.get_by_label("Pictures", exact=True).locator("visible=true").fill("4")
    page.get_by_label("Seed", exact=True).first.fill(str(SEED))
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.locator(".stage .headline:not(.live) .prompt")).to_be_visible()
    expect(page.locator(".stage .picture .frame img")).to_have_count(4)
    page.mouse.move(0, 0)
    page.wait_for_timeout(3_000)  # until the tray has seen them too


if __name__ == "__main__":
    main(sys.argv[1:])
