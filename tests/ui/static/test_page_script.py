"""What page.js does by itself, on a page that has no studio behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from studio.ui.static_files import script

HOME = "http://studio.test/"
TABS = """
window.select = (id) => document.querySelectorAll('[role=tab]').forEach(
    (tab) => tab.setAttribute('aria-selected', String(tab.dataset.tabId === id)));
window.show = () => {
    document.querySelector('#tabs').innerHTML = ['draw', 'train', 'retouch'].map(
        (id) => `<button role="tab" data-tab-id="${id}">The tab ${id}</button>`).join('');
    document.querySelectorAll('[role=tab]').forEach((tab) => tab.addEventListener('click', () => select(tab.dataset.tabId)));
    select('draw');
};
"""
BODY = '<div id="tabs"></div><p>words</p>'

Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """opened(last) -> a page whose last tab was this; its tabs come with show(), as Gradio's come late."""
    context = browser.new_context()
    page = context.new_page()

    def answer(route: Route) -> None:
        head = f"<script>{TABS}</script><script>{script('page')}</script>"
        route.fulfill(body=f"<!doctype html><head>{head}</head><body>{BODY}", content_type="text/html")

    def open_on(last: str | None) -> Page:
        page.route(f"{HOME}**", answer)
        page.goto(HOME)
        if last is not None:
            page.evaluate("last => sessionStorage.setItem('understudy-tab', last)", last)
            page.reload()
        return page

    yield open_on
    context.close()


def selected(page: Page) -> str:
    return page.locator("[role=tab][aria-selected=true]").get_attribute("data-tab-id") or ""


def test_a_reload_comes_back_to_the_tab_that_was_open_however_late_it_comes(opened: Opener) -> None:
    page = opened("retouch")
    page.wait_for_timeout(300)
    page.evaluate("show()")
    expect(page.locator("[data-tab-id=retouch]")).to_have_attribute("aria-selected", "true")


def test_the_tab_stays_open_when_the_page_chooses_its_first_once_more(opened: Opener) -> None:
    page = opened("retouch")
    page.evaluate("show()")
    page.evaluate("select('draw')")
    expect(page.locator("[data-tab-id=retouch]")).to_have_attribute("aria-selected", "true")


def test_whatever_the_visitor_does_lets_the_tab_go(opened: Opener) -> None:
    page = opened("retouch")
    page.evaluate("show()")
    page.locator("p").click()
    page.evaluate("select('train')")
    page.wait_for_timeout(100)
    assert selected(page) == "train"


def test_a_click_on_another_tab_opens_it_and_a_reload_comes_back_to_that(opened: Opener) -> None:
    page = opened("retouch")
    page.evaluate("show()")
    page.locator("[data-tab-id=train]").click()
    assert selected(page) == "train"
    page.reload()
    page.evaluate("show()")
    expect(page.locator("[data-tab-id=train]")).to_have_attribute("aria-selected", "true")


def test_a_reload_comes_back_to_where_a_button_led(opened: Opener) -> None:
    page = opened(None)
    page.evaluate("show()")
    page.evaluate("select('train')")
    page.reload()
    page.evaluate("show()")
    expect(page.locator("[data-tab-id=train]")).to_have_attribute("aria-selected", "true")


def test_a_second_reload_before_the_tabs_are_there_forgets_nothing(opened: Opener) -> None:
    page = opened("retouch")
    page.reload()
    page.evaluate("show()")
    expect(page.locator("[data-tab-id=retouch]")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("last", [None, "", "Retouch", '"] *'])
def test_a_page_without_a_last_tab_or_with_one_that_is_gone_begins_where_everybody_does(
    opened: Opener, last: str | None
) -> None:
    page = opened(last)
    page.evaluate("show()")
    page.wait_for_timeout(100)
    assert selected(page) == "draw"


STOPS = """(tab) => {
    document.body.innerHTML += `<div class="${tab}"><button class="halt">Stop</button></div>`;
    window.stops = 0;
    document.querySelector('.halt').addEventListener('click', () => { window.stops += 1; });
}"""


def test_esc_stops_a_drawing_at_once(opened: Opener) -> None:
    page = opened(None)
    page.evaluate(STOPS, "tab-draw")
    page.keyboard.press("Escape")
    assert page.evaluate("stops") == 1


def test_esc_asks_before_it_stops_a_training(opened: Opener) -> None:
    page = opened(None)
    page.clock.install()
    page.evaluate(STOPS, "tab-train")
    page.keyboard.press("Escape")
    asked = page.get_by_role("status")
    expect(asked).to_have_text("Press Esc again to stop the training.")
    assert page.evaluate("stops") == 0
    page.keyboard.press("Escape")
    assert page.evaluate("stops") == 1
    expect(asked).to_have_count(0)


def test_a_second_esc_that_comes_late_asks_again(opened: Opener) -> None:
    page = opened(None)
    page.clock.install()
    page.evaluate(STOPS, "tab-train")
    page.keyboard.press("Escape")
    page.clock.run_for(5_000)
    expect(page.get_by_role("status")).to_have_count(0)
    page.keyboard.press("Escape")
    assert page.evaluate("stops") == 0
