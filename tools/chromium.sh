#!/bin/sh
# See that the tests have a Chromium: the system's where it is or may be installed, else Playwright's own.
set -eu
cd "$(dirname "$0")/.."
. tools/apt.sh

starts() { .venv/bin/python -m tests.e2e.chromium >/dev/null 2>&1; }

starts && exit 0
apt_install libatomic1 2>/dev/null || true  # Playwright's driver needs it, and a small Debian has none
starts && exit 0
if apt_install chromium 2>/dev/null && starts; then
    exit 0
fi
echo "understudy: no Chromium from the system's packages; taking Playwright's" >&2
if as_root true; then
    .venv/bin/python -m playwright install --with-deps chromium
else
    .venv/bin/python -m playwright install chromium
fi
starts && exit 0
echo "understudy: Chromium does not start; as root: .venv/bin/python -m playwright install-deps chromium" >&2
exit 1
