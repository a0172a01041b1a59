"""The layouts of networks that the studio can teach and draw with, and which of them a family has."""

from __future__ import annotations

from studio.contracts.family import ModelFamily
from studio.engine.models.driver import Driver
from studio.engine.models.sd15 import SD15Driver
from studio.engine.models.sdxl import SDXLDriver

DRIVERS: dict[str, Driver] = {"sdxl": SDXLDriver(), "sd15": SD15Driver()}


def driver_of(family: ModelFamily) -> Driver:
    """The driver of the layout that the family's pipeline for drawing has.

    Raises ValueError, naming those that there are, for a pipeline of another layout.
    """
    drawn_by = family.pipelines["draw"]
    for driver in DRIVERS.values():
        if drawn_by in driver.pipelines:
            return driver
    known = ", ".join(sorted(name for driver in DRIVERS.values() for name in driver.pipelines))
    raise ValueError(f"{family.title} is drawn by {drawn_by}, which the studio cannot drive; it can {known}.")
