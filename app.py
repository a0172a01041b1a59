"""Serve the studio in the browser: flags -> settings -> studio -> page -> launch.

python app.py --library library --family pocket --port 7860
"""

from __future__ import annotations

import errno
import inspect
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, create_server
from typing import Any

import studio
from studio.settings import Settings, read_settings

MAX_QUEUE = 32
FIRST_PORT, PORTS = 7860, 100


def main(flags: Sequence[str]) -> int:
    """Serve until it is stopped; 2 for settings that cannot be, with a sentence on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings(flags, os.environ)
        port = free_port(settings)
        with open_studio(settings) as desk:
            serve(desk, settings, port)
    except (ValueError, OSError) as error:
        print(f"understudy: {error}", file=sys.stderr)
        return 2
    return 0


def open_studio(settings: Settings) -> studio.Studio:
    return studio.open(
        settings.library,
        settings.family,
        family_folder=settings.family_folder,
        sample=not settings.visitors,
        quota=settings.quota,
        ask_consent=settings.ask_consent,
        resume=False,
    )


def serve(desk: studio.Studio, settings: Settings, port: int) -> None:
    """Build the page and launch it; once it is up, load torch and the family. Returns on Ctrl+C."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while gradio is imported
    with without_editor_stubs():
        from studio.ui.app import build, look

    page = build(desk, settings).queue(max_size=MAX_QUEUE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a host that stops us gets the same goodbye as Ctrl+C
    page.launch(**look(), **launch_options(desk, settings, port), prevent_thread_lock=True)
    desk.warm()
    desk.resume()
    page.block_thread()


@contextmanager
def without_editor_stubs() -> Iterator[None]:
    """Import Gradio in half the time: it writes stubs of its components for code editors at every import.

    It passes over a class whose file cannot be found, so for this while none of its classes has one.
    """
    find = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stubs are wanted")
        return find(thing)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = find


def launch_options(desk: studio.Studio, settings: Settings, port: int) -> dict[str, Any]:
    """What is served to whom: the library's pictures and nothing else, no telemetry, no raw errors."""
    return {
        "server_name": settings.host,
        "server_port": port,
        "allowed_paths": desk.served,
        "max_file_size": "25mb",
        "show_error": False,
        "enable_monitoring": False,
        "run_history": False,
        "ssr_mode": False,
        "share": False,
    }


def free_port(settings: Settings) -> int:
    """The port that was asked for, or the first free one from 7860 on. Raises ValueError where there is none."""
    asked = [settings.port] if settings.port is not None else range(FIRST_PORT, FIRST_PORT + PORTS)
    for port in asked:
        try:
            create_server((settings.host, port), family=AF_INET6 if ":" in settings.host else AF_INET).close()
            return port
        except PermissionError as error:
            raise ValueError(f"Port {port} needs more rights than this account has; take one above 1023.") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ValueError(f"{settings.host} is no address of this machine; choose one with --host.") from error
    if settings.port is not None:
        raise ValueError(f"Port {settings.port} is taken; stop what uses it, or choose another with --port.")
    raise ValueError(f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free; choose one with --port.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
