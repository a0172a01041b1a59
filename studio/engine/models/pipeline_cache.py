"""The one shared pipeline of each family: loaded once, lent under one lock, evicted by memory."""

from __future__ import annotations

import gc
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import DiffusionPipeline

from studio.contracts.family import ModelFamily
from studio.engine.models import loading
from studio.engine.models.driver import Conditioning, Driver, Words
from studio.engine.models.fair_lock import FairLock
from studio.engine.models.layouts import driver_of
from studio.engine.models.lru import LruCache, recent, state_of
from studio.engine.models.memory import MemoryPlan, choose_plan, free_bytes, settle
from studio.engine.models.weights import sha256_of, sha256_of_all

log = logging.getLogger(__name__)
KEPT_PROMPTS = 64
MOST_PICTURES = 512_000_000  # bytes


class Tenant(Protocol):
    """Who changes the networks for longer than one lending, such as a training with its adapter.

    It is moved out before anybody else gets the pipeline, and in again before it gets it back.
    """

    def inject(self) -> None:
        """Put the changes into the pipeline."""

    def eject(self) -> None:
        """Leave the pipeline as it was."""


@dataclass
class Loaded:
    """A family in memory: its pipeline, the views for other tasks, and what is kept beside it."""

    family: ModelFamily
    plan: MemoryPlan
    views: dict[str, DiffusionPipeline]  # task -> pipeline; "draw" holds the modules, the others share them
    driver: Driver
    tenant: Tenant | None = None
    texts: OrderedDict[tuple, Conditioning] = field(default_factory=OrderedDict)
    beside: dict[Any, Any] = field(default_factory=dict)  # adapters and previews, by whoever made them


class PipelineCache:
    """Loads each family once and lends its pipeline, one borrower at a time, first come first served."""

    def __init__(self, device: str | None = None) -> None:
        self.device = device or _best_device()
        self._turns = FairLock()
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()  # by weights, least recently used first
        self._helpers: dict[tuple[str, str], Any] = {}  # by kind and weights
        self._folders: dict[str, Path] = {}  # where helpers' weights lie
        self._digests: dict[tuple, str] = {}
        self._fetched: dict[str, list[Path]] = {}  # files of families from the hub, so that it is asked once
        self._idle_plan = choose_plan(self.device)
        self.pictures: LruCache = LruCache(MOST_PICTURES)  # that others are drawn from, by what they were asked as

    @property
    def plan(self) -> MemoryPlan:
        """The plan of the family that was lent last; before any, what the device is usually given."""
        return next(reversed(self._loaded.values())).plan if self._loaded else self._idle_plan

    @property
    def waiting(self) -> int:
        """How many wait for the pipeline at this moment."""
        return self._turns.waiting

    @contextmanager
    def lend_helper(self, kind: Callable[[Path], Any], weights: str) -> Iterator[Any]:
        """A network that serves every family, such as a detector, made by `kind(folder)`; loaded once.

        It is used in turn, like the pipelines, whose tenants stay where they are; `.network` is its torch module.
        """
        key = (kind.__qualname__, weights)
        folder = self._helper_folder(weights)  # before its turn: nobody should wait for a download
        with self._turns.take():
            if key not in self._helpers:
                self._helpers[key] = self._load_helper(kind, folder)
            yield self._helpers[key]

    @contextmanager
    def lend(self, family: ModelFamily, task: str = "draw", tenant: Tenant | None = None) -> Iterator[Any]:
        """The family's pipeline for a task, for as long as the block lasts.

        Waits for whoever has it. ValueError names the tasks for one that the family has no pipeline for.
        """
        with self._turns.take():
            loaded = self._get(family)
            if loaded.tenant is not tenant:
                if loaded.tenant is not None:
                    loaded.tenant.eject()
                loaded.tenant = tenant
                if tenant is not None:
                    tenant.inject()
            yield self._view(loaded, task)

    def move_in(self, pipeline: DiffusionPipeline, tenant: Tenant) -> None:
        """The borrower becomes the tenant of a pipeline that is lent; its family stays loaded until it is dismissed."""
        self.loaded(pipeline).tenant = tenant
        tenant.inject()

    def dismiss(self, family: ModelFamily, tenant: Tenant) -> None:
        """The tenant moves out for good; nothing happens where it was not in."""
        with self._turns.take():
            loaded = self._loaded.get(_key(family))
            if loaded is not None and loaded.tenant is tenant:
                tenant.eject()
                loaded.tenant = None

    def warm(self, family: ModelFamily) -> None:
        """Load the family, so that the first picture need not wait for it."""
        with self.lend(family):
            pass

    def loaded(self, pipeline: DiffusionPipeline) -> Loaded:
        """What is kept beside a pipeline that was lent."""
        return next(entry for entry in self._loaded.values() if pipeline in entry.views.values())

    def driver(self, pipeline: DiffusionPipeline) -> Driver:
        """What knows the layout of a pipeline that was lent."""
        return self.loaded(pipeline).driver

    def fingerprint(self, family: ModelFamily) -> str:
        """Sha256 over the family's files of weights: the same for the same weights wherever they lie."""
        files = self._files(family)
        return sha256_of_all((path.name, self.digest_of(path)) for path in files)

    def encode(self, pipeline: Any, words: Words, texts: Any = None) -> Conditioning:
        """Text embeddings by the names that the pipeline takes them under; the same words are encoded once.

        `texts` tells what else decides them: the LoRA in the text encoders, where there is one.
        """
        loaded = self.loaded(pipeline)

        @torch.no_grad()
        def encode() -> Conditioning:
            return loaded.driver.encode(pipeline, words)

        return dict(recent(loaded.texts, (words, texts), encode, KEPT_PROMPTS))

    def step_down(self, pipeline: DiffusionPipeline) -> bool:
        """After out-of-memory: free what can be freed and take the plan that needs less; False where there is none."""
        loaded = self.loaded(pipeline)
        plan = loaded.plan.stepped_down()
        loaded.texts.clear()
        for heavy in ("fine-tunes", "loras", "image adapters"):
            loaded.beside.pop(heavy, None)
        _collect(self.device)
        if plan is None:
            return False
        log.warning("out of memory: %s goes on with %s", loaded.family.title, plan.words)
        loaded.plan = plan
        settle(loaded.views["draw"], plan)
        return True

    def _get(self, family: ModelFamily) -> Loaded:
        key = _key(family)
        if key not in self._loaded:
            self._loaded[key] = self._load(family)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _load(self, family: ModelFamily) -> Loaded:
        started, driver = time.perf_counter(), driver_of(family)
        needed = sum(path.stat().st_size for path in self._files(family))
        self._evict(needed)
        plan = choose_plan(self.device, family, needed)
        pipeline = loading.load(family, driver.pipeline_class(family.pipelines["draw"]), plan.torch_dtype)
        settle(pipeline, plan)
        log.info("%s loaded in %.1f s: %s", family.title, time.perf_counter() - started, plan.words)
        return Loaded(family, plan, {"draw": pipeline}, driver)

    def _load_helper(self, kind: Callable[[Path], Any], source: Path) -> Any:
        """On the accelerator where there is room beside the families, else on the CPU: no family leaves for it."""
        needed = sum(path.stat().st_size for path in source.glob("*.safetensors"))
        helper = kind(source)
        if free_bytes(self.device) > 2 * needed:
            helper.network.to(self.device)
        log.info("%s loaded from %s on %s", kind.__name__, source, helper.network.device)
        return helper

    def _evict(self, needed: int) -> None:
        """Let go of helpers, then families, longest unused first, until `needed` bytes and as much again are free."""
        if self._helpers and free_bytes(self.device) <= 2 * needed:
            self._helpers.clear()
            _collect(self.device)
        for key in list(self._loaded):  # its keys alone: a list of what is loaded would keep it all in memory
            if free_bytes(self.device) > 2 * needed:
                return
            if self._loaded[key].tenant is None:
                log.info("%s makes room", self._loaded.pop(key).family.title)
                _collect(self.device)

    def _view(self, loaded: Loaded, task: str) -> DiffusionPipeline:
        if task not in loaded.views:
            known = loaded.family.pipelines
            if task not in known:
                raise ValueError(f"{loaded.family.title} has no pipeline for {task!r}; it has {', '.join(known)}")
            kind = loaded.driver.pipeline_class(known[task])
            loaded.views[task] = kind.from_pipe(loaded.views["draw"], dtype=loaded.plan.torch_dtype)
            loaded.views[task].set_progress_bar_config(disable=True)
        return loaded.views[task]

    def _files(self, family: ModelFamily) -> list[Path]:
        key = _key(family)
        if family.is_local:
            return loading.weight_files(family)
        if key not in self._fetched:
            self._fetched[key] = loading.weight_files(family)
        return self._fetched[key]

    def helper_digest(self, weights: str) -> str:
        """Sha256 over the weights of a helper; those on the hub are fetched first."""
        files = sorted(self._helper_folder(weights).glob("*.safetensors"))
        return sha256_of_all((path.name, self.digest_of(path)) for path in files)

    def _helper_folder(self, weights: str) -> Path:
        if weights not in self._folders:
            self._folders[weights] = loading.helper_folder(weights)
        return self._folders[weights]

    def digest_of(self, path: Path) -> str:
        """Sha256 of a file, read once for each of its states."""
        key = state_of(path)
        if key not in self._digests:
            self._digests[key] = sha256_of(path)
        return self._digests[key]


def fingerprint_of(*, pipelines: PipelineCache, family: ModelFamily) -> str:
    """Sha256 over the family's files of weights, for whoever asks from outside of the engine."""
    return pipelines.fingerprint(family)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _key(family: ModelFamily) -> str:
    """Families with the same weights share them, whatever they are called."""
    return "|".join((family.weights, family.vae or "", family.variant or "", family.pipelines["draw"]))


def _collect(device: str) -> None:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
