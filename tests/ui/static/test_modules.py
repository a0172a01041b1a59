"""The modules of the mask editor in a real browser: the tests are the `*.test.js` beside this file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from studio.ui.static_files import MASK_EDITOR, STATIC, joined, mask_editor_script, script, style_sheets
from studio.ui.tabs.retouch.easel import easel

HERE = Path(__file__).parent
HOME = "http://studio.test"
FOLDERS = {"static": STATIC, "tests": HERE}
CASES = [
    pytest.param(file.name, name.replace("\\'", "'"), id=f"{file.name.partition('.')[0]}: {name}")
    for file in sorted(HERE.glob("*.test.js"))
    for name in re.findall(r"^test\('(.+)', (?:async )?\(", file.read_text(encoding="utf-8"), re.MULTILINE)
]
RUN = """async ([file, name]) => {
    const { tests } = await import('/tests/testing.js');
    await import(`/tests/${file}`);
    await tests[name]();
}"""


def frame() -> str:
    """The editor's HTML as Gradio sets it, in the page's own style."""
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in style_sheets())
    return (
        f'<!doctype html><meta charset="utf-8"><style>{style}</style><body>'
        f'<div id="easel" style="width: 900px"><div class="easel">{easel().html_template}</div></div>'
    )


def serve(route: Route) -> None:
    _, _, path = route.request.url.removeprefix(HOME).partition("/")
    folder, _, name = path.partition("/")
    if folder in FOLDERS:
        route.fulfill(path=FOLDERS[folder] / name, content_type="text/javascript")
    else:
        route.fulfill(body=frame(), content_type="text/html")


@pytest.fixture(scope="module")
def served_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.route(f"{HOME}/**", serve)
    yield page
    context.close()


@pytest.fixture
def page(served_page: Page) -> Page:
    served_page.goto(HOME)
    served_page.evaluate("localStorage.clear()")
    return served_page


@pytest.mark.parametrize("file, name", CASES)
def test_the_mask_editor(page: Page, file: str, name: str) -> None:
    page.evaluate(RUN, [file, name])


def test_every_file_of_tests_is_read() -> None:
    texts = [file.read_text(encoding="utf-8") for file in HERE.glob("*.test.js")]
    assert len(CASES) == sum(text.count("\ntest(") for text in texts) > 80


def test_the_script_of_the_page_has_every_module_once_and_fetches_nothing(page: Page) -> None:
    assert {f"{name}.js" for name in MASK_EDITOR} == {file.name for file in (STATIC / "mask_editor").iterdir()}
    whole = mask_editor_script()
    assert not re.search(r"^(import|export)\b", whole, re.MULTILINE)
    page.evaluate("text => { new Function('element', 'trigger', 'props', 'server', 'upload', 'watch', text); }", whole)


@pytest.mark.parametrize("name", MASK_EDITOR)
def test_a_module_imports_by_their_own_names_from_those_before_it(name: str) -> None:
    text = script(f"mask_editor/{name}")
    imported = re.findall(r"^import \{([^}]*)\} from '\./(\w+)\.js';$", text, re.MULTILINE)
    assert len(imported) == len(re.findall(r"^import\b", text, re.MULTILINE))
    assert not any(" as " in names for names, _ in imported)
    before = MASK_EDITOR[: MASK_EDITOR.index(name)]
    assert {module for _, module in imported} <= set(before)


def test_modules_are_joined_without_what_binds_them() -> None:
    parts = ["export const one = 1;\n", "import { one } from './one.js';\nexport class Two { take = one; }\n"]
    assert joined(parts) == "const one = 1;\n\nclass Two { take = one; }\n"
