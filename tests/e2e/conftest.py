"""A real Chromium on the served studio, and a watch on what it complains of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE = 60_000  # ms; two cores may be busy drawing
LEAVING = ("AbortError", "Connection errored out", "BodyStreamBuffer was aborted", "Failed to fetch")

Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """open_page(url, size=DESKTOP) -> a page in a profile of its own.

    After the test: nothing failed in its console, and it fetched nothing from outside. `page.reload()` may break off
    calls that are under way; Gradio complains of those, and they are passed over.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE)

    def opened(url: str, size: tuple[int, int] = DESKTOP) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _note_foreign(request, url, complaints))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [complaint for complaint in complaints if not any(words in complaint for words in LEAVING)] == []


def _note_foreign(request: Request, home: str, complaints: list[str]) -> None:
    if not request.url.startswith((home, "data:", "blob:")):
        complaints.append(f"fetched from outside: {request.url}")


def fill_in(page: Page, values: dict[str, str]) -> None:
    """Fill fields by their labels until all keep it: a fold that has just opened may still be drawing its own."""
    fields = {page.get_by_label(label, exact=True).locator("visible=true"): value for label, value in values.items()}
    for _ in range(10):
        for field, value in fields.items():
            field.fill(value)
        page.wait_for_timeout(300)
        if all(field.input_value() == value for field, value in fields.items()):
            return
    raise AssertionError(f"the fields do not keep {values}")
