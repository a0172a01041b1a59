"""Which Chromium the browser tests drive: the system's package where there is one, else Playwright's own.

`python -m tests.e2e.chromium` ends with 0 when it starts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "google-chrome")


def system_chromium() -> str | None:
    """A snap's is passed over: its sandbox keeps it from the profile folder that Playwright gives it."""
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path and not path.startswith("/snap/")), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser for as long as the block lasts; it runs as root too, as in a container."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    with chromium() as browser:
        print(browser.version)
