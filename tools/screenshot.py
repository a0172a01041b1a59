"""Take the README's picture of the page: four pictures of the sample character, really drawn.

    python -m tools.screenshot [--output docs/images/studio.png]

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
from playwright.sync_api import Page, expect

from tests.conftest import Served, serve
from tests.e2e.chromium import chromium

SIZE = {"width": 1280, "height": 880}
PATIENCE = 300_000  # ms
SEED = 27


def main(flags: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshot", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("docs/images/studio.png"))
    output = parser.parse_args(flags).output
    with tempfile.TemporaryDirectory() as name, chromium() as browser, served_in(Path(name)) as studio:
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(f"{studio.url}/?__theme=dark")
        draw_four(page)
        picture = Image.open(io.BytesIO(page.screenshot()))
    output.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").quantize(256).save(output, optimize=True)
    print(f"{output}: {output.stat().st_size / 1e3:.0f} kB")


def served_in(folder: Path) -> AbstractContextManager[Served]:
    return serve(folder / "library", folder / "app.log")


def draw_four(page: Page) -> None:
    expect.set_options(timeout=PATIENCE)
    expect(page.locator("#prompt textarea")).not_to_have_value("")
    page.get_by_label("Pictures", exact=True).fill("4")
    page.get_by_label("Seed", exact=True).first.fill(str(SEED))
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.locator(".stage .headline:not(.live) .prompt")).to_be_visible()
    expect(page.locator(".stage .picture .frame img")).to_have_count(4)
    page.mouse.move(0, 0)
    page.wait_for_timeout(3_000)  # until the tray has seen them too


if __name__ == "__main__":
    main(sys.argv[1:])
