"""What the page's style and scripts take for granted of Gradio: its own classes, which no release promises to keep."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.ui.static_files import STATIC, style_sheets
from tests.conftest import ROOT, Served
from tests.e2e.conftest import DESKTOP, PATIENCE
from tests.e2e.test_journeys import open_tab

TABS = ("Subject", "Train", "Draw", "Dress", "Retouch", "Gallery")
GRADIO = set(
    """block column contain dark fillable form gradio-container hide-container html-container
    icon-button-wrapper icon-wrap image-container label-wrap lg prose selected tab-container tab-wrapper tabitem
    visually-hidden wrap wrap-inner""".split()
)
# Selectors with Gradio's classes that a page which has just opened does not match, and when they do.
LATER = {
    ".compare .icon-button-wrapper": "two pictures are compared",
    ".compare .image-container img": "two pictures are compared",
}
SCRIPTED = (  # what static/*.js looks for that Gradio makes
    "#tabs button[role=tab][data-tab-id=retouch][aria-selected]",
    "#photo-drop input[type=file]",
    "#recipe-drop input[type=file]",
    "#prompt textarea",
    "button.act-main",
)

PARSE = """text => {
    const sheet = new CSSStyleSheet(), selectors = [];
    sheet.replaceSync(text);
    const read = (rules) => [...rules].forEach((rule) => {
        if (rule.selectorText) selectors.push(rule.selectorText);
        else if (rule.cssRules && !(rule instanceof CSSKeyframesRule)) read(rule.cssRules);
    });
    read(sheet.cssRules);
    return selectors;
}"""
MATCHED = "selectors => selectors.filter((selector) => document.querySelector(selector))"
PART, PASSING = re.compile(r"::[\w-]+"), re.compile(r":(hover|focus-visible|focus-within|focus|checked)\b")


def single(selectors: str) -> list[str]:
    """The selectors of a list, as if the visitor's pointer and keys were everywhere at once."""
    parts, depth = [""], 0
    for sign in selectors:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [PASSING.sub(":is(*)", PART.sub("", part)).strip() for part in parts]


def classes(selector: str) -> set[str]:
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", selector))


@pytest.fixture(scope="module")
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.goto(f"{served.url}/?__theme=dark")
    yield page
    context.close()


@pytest.fixture(scope="module")
def selectors(page: Page) -> list[str]:
    text = "".join(sheet.read_text(encoding="utf-8") for sheet in style_sheets())
    return sorted({one for listed in page.evaluate(PARSE, text) for one in single(listed)})


@pytest.fixture(scope="module")
def leaning(selectors: list[str]) -> set[str]:
    """Those that name a class of Gradio's."""
    return {one for one in selectors if classes(one) & GRADIO}


@pytest.fixture(scope="module")
def matched(page: Page, leaning: set[str]) -> set[str]:
    """What is there on some tab, with its folds open."""
    found: set[str] = set()
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(1_000)
        page.evaluate("document.querySelectorAll('.label-wrap:not(.open)').forEach((fold) => fold.click())")
        page.wait_for_timeout(1_000)
        found |= set(page.evaluate(MATCHED, [*leaning, *SCRIPTED]))
    return found


def test_the_style_s_classes_of_gradio_are_on_the_page(leaning: set[str], matched: set[str]) -> None:
    assert leaning - matched - set(LATER) == set()


def test_what_is_said_to_come_later_is_in_the_style(leaning: set[str]) -> None:
    assert set(LATER) <= leaning


def test_what_the_scripts_look_for_is_on_the_page(matched: set[str]) -> None:
    assert set(SCRIPTED) <= matched


def test_an_open_list_is_one_that_escape_closes(page: Page, matched: set[str]) -> None:
    open_tab(page, "Draw")
    page.locator("#draw-lora input").click()
    expect(page.locator("[role=listbox], ul.options").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[role=listbox], ul.options")).to_have_count(0)


def test_every_class_of_the_style_is_gradio_s_or_the_page_s_own(selectors: list[str]) -> None:
    sources = [*(ROOT / "studio").rglob("*.py"), *STATIC.rglob("*.js")]
    words = {word for file in sources for word in re.findall(r"[\w-]+", file.read_text(encoding="utf-8"))}
    named = {name for one in selectors for name in classes(one)}
    counted = {"of-1", "of-3", "of-5"}  # of-{number of pictures}
    assert named - words - GRADIO - counted == set()
    assert named >= GRADIO, "a class that the style no longer names must go from this list too"
