"""A library, a family, and the host they are at: what all that a studio does is done with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from studio.contracts.family import ModelFamily, find_family
from studio.execution.executor import Executor, Plan
from studio.library import Library
from studio.quotas import Quota
from studio.session.host import Host
from studio.tasks.task import Task

CONSENT = (
    "On this shared host, photos are taken only with consent: confirm that everyone who can be recognised in "
    "them agrees, or that they show no real person."
)


class Session:
    """One library at a host. What a studio does with it stands in classes of their own, by what it is about."""

    def __init__(
        self,
        library: Library,
        family: ModelFamily,
        host: Host,
        *,
        quota: Quota | None = None,
        ask_consent: bool = False,
    ) -> None:
        self.library, self.family = library, family
        self.quota, self.ask_consent = quota, ask_consent
        self.gone = False  # whether a visitor has left, or was sent away for being idle
        self._host = host
        if quota:
            library.max_bytes = int(quota.megabytes * 1e6)
        self.seen = time.monotonic()

    @property
    def executor(self) -> Executor:
        return self._host.executor

    @property
    def tasks(self) -> Sequence[Task[Any, Any]]:
        """What may be asked, one task for each type of request."""
        return self.executor.tasks

    @property
    def plan(self) -> Plan | None:
        """The device that the work is done on, and how; None while nobody knows yet."""
        return self.executor.plan

    def warm(self) -> None:
        """Load the family in the background, so that the first picture does not wait for it."""
        self.executor.warm(self.family)

    @property
    def families(self) -> Mapping[str, ModelFamily]:
        """Every family that may be asked for, by name."""
        return self._host.families

    @property
    def served(self) -> list[str]:
        """Folders whose pictures a page may show: one live list for the studio and all its visitors."""
        return self._host.served

    def notice(self) -> None:
        """Somebody is here: the visit is not idle."""
        self.seen = time.monotonic()

    def _named_family(self, name: str | None) -> ModelFamily:
        """The family of that name; None: the studio's. Raises ValueError where there is none."""
        return find_family(self.families, name or self.family.name)

    def _check_open(self) -> None:
        """Raises ValueError once a visitor has left."""
        if self.gone:
            raise ValueError("This visit has ended and its library is gone; reload the page to begin anew.")

    def _check_photos(self, photos: list[Any], consent: bool) -> None:
        """Raises ValueError for photos without the consent that a shared host asks for."""
        self.notice()
        if photos and self.ask_consent and not consent:
            raise ValueError(CONSENT)
