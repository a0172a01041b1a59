"""From a prompt to pictures in the library, each with the recipe that draws it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from studio.engine.adapters import Applied, attached
from studio.engine.dressing import Kept, bare_of, beside_the_outfit, dressed
from studio.engine.image_prompts import Prompting, digest_of_use, prompted
from studio.engine.memory import is_out_of_memory
from studio.engine.pipelines import PipelineCache
from studio.engine.previews import ColourMap, Watched
from studio.engine.relay import Stopped, relayed
from studio.engine.schedulers import build_scheduler
from studio.events import Event, PictureDrawn, PreviewDrawn, StageReported
from studio.families import ModelFamily
from studio.recipes import Recipe
from studio.requests import MAX_SEED, DrawRequest, as_json

if TYPE_CHECKING:
    from studio.library import Library, Lora, Outfit

PREVIEW_EVERY = 3  # steps
PACKAGES = ("torch", "diffusers", "transformers", "peft")
Stop = Callable[[], bool]
Watch = Callable[[int, Watched], None]  # after each step: its number from 1, and what the scheduler saw


def draw(request: DrawRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Stop
         ) -> Iterator[Event]:
    """Draw `request.count` pictures, one after another, and save each with its recipe.

    Yields PreviewDrawn every few steps and PictureDrawn after each picture. Picture i starts from seed + i and is a
    batch of its own, so that its pixels do not depend on the count. Ends within a step once `stop()` is true; what is
    finished is kept. Raises ValueError, in a sentence, for an unknown scheduler or LoRA and for refused weights.
    """
    drawing = _Drawing(request, pipelines, family, tuple(library.lora(use.slug) for use in request.loras),
                       tuple(library.outfit(use.slug) for use in request.outfits))
    yield from relayed(lambda tell: drawing.run(tell, library, stop))


@dataclass(frozen=True)
class Way:
    """How a picture is drawn beside its request: what prompts it beside the text, what stays of another picture, and
    a list that takes the latents after each step."""

    worn: Sequence[Prompting] = ()
    kept: Kept | None = None
    latents: list[Tensor] | None = None
    passes: tuple[int, int] = (1, 1)  # which of how many this is

    @property
    def is_followed(self) -> bool:
        """Whether its latents after each step are looked at, and not those of the scheduler alone."""
        return self.kept is not None or self.latents is not None

    def after_step(self, step: int, latents: Tensor) -> Tensor:
        """The latents to go on with after a step, counted from 0."""
        if self.latents is not None:
            self.latents.append(latents.cpu())
        return latents if self.kept is None else self.kept.blended(step, latents)


@dataclass(frozen=True)
class _Drawing:
    """One request and what it is drawn with."""

    request: DrawRequest
    pipelines: PipelineCache
    family: ModelFamily
    loras: tuple[Lora, ...]  # those of the request, in its order
    outfits: tuple[Outfit, ...]

    def run(self, tell: Callable[[Event], None], library: Library, stop: Stop) -> None:
        count, started = self.request.count, time.perf_counter()
        for index in range(count):
            if stop():
                return
            alone = replace(self.request, count=1, seed=((self.request.seed or 0) + index) % (MAX_SEED + 1))
            image, estimates = self._picture(alone, index, tell, stop)
            picture = library.save_picture(image, self._recipe(alone, estimates))
            seconds_left = (time.perf_counter() - started) / (index + 1) * (count - index - 1)
            tell(PictureDrawn(index, count, str(picture.path), seconds_left))

    def _picture(self, request: DrawRequest, index: int, tell: Callable[[Event], None], stop: Stop
                 ) -> tuple[Image.Image, dict[str, float]]:
        """The picture; where outfits are worn, in two passes. The first, without them, shows where the clothing is, and
        afterwards what the outfits did to the rest."""
        if not self.outfits:
            return self._drawn(request, Way(), index, tell, stop), {}
        passes = 1

        def draw_bare(asked: DrawRequest, latents: list[Tensor]) -> Image.Image:
            nonlocal passes
            passes = 2
            tell(StageReported("First without the outfit"))
            return self._drawn(asked, Way(latents=latents, passes=(1, 2)), index, tell, stop)

        shared: dict[str, Any] = {"pipelines": self.pipelines, "family": self.family}
        bare = bare_of(request, self.loras, draw_bare, **shared)
        tell(StageReported("Looking at the outfit"))
        worn, kept = dressed(request, self.outfits, bare, tell, **shared)
        image = self._drawn(request, Way(worn, kept, passes=(passes, passes)), index, tell, stop)
        image = kept.restored(image) if kept else image
        return image, beside_the_outfit(bare, image, **shared)

    def _drawn(self, request: DrawRequest, way: Way, index: int, tell: Callable[[Event], None], stop: Stop
               ) -> Image.Image:
        with self.pipelines.lend(self.family) as pipeline:
            colours = _colours(self.pipelines, pipeline)

            def watch(step: int, watched: Watched) -> None:
                if stop():
                    raise Stopped
                if step % PREVIEW_EVERY == 0:
                    number, of = way.passes
                    tell(PreviewDrawn(index, (number - 1) * steps + step, of * steps, colours.jpeg(watched.clean())))

            steps = request.steps or 0
            loras = [Applied(lora.path, use.unet, use.text_encoder)
                     for lora, use in zip(self.loras, request.loras, strict=True)]
            with attached(self.pipelines, pipeline, loras) as texts:
                return render(self.pipelines, pipeline, request, texts=texts, watch=watch, way=way)

    def _recipe(self, request: DrawRequest, estimates: dict[str, float]) -> Recipe:
        loras = tuple(
            {"slug": lora.slug, "name": lora.name, "sha256": lora.sha256, "scale": use.unet}
            for lora, use in zip(self.loras, request.loras, strict=True)
        )
        family = {
            "name": self.family.name, "title": self.family.title,
            "sha256": self.pipelines.fingerprint(self.family),
        }
        return Recipe(
            request=as_json(request),
            family=family,
            loras=loras,
            outfits=tuple({"slug": outfit.slug, "name": outfit.name, "sha256": outfit.sha256,
                           "adapter": digest_of_use(use, pipelines=self.pipelines, family=self.family)}
                          for outfit, use in zip(self.outfits, request.outfits, strict=True)),
            estimates=estimates,
            versions=_versions(),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )


def render(pipelines: PipelineCache, pipeline: Any, request: DrawRequest, *, texts: Any = None,
           watch: Watch | None = None, way: Way = Way()) -> Image.Image:
    """One picture of a resolved request, on a pipeline that is lent and dressed; RGB, width x height.

    `texts` is the key that `attached` gave. Steps down the memory plan once, and then gives up with the error.
    """
    seed = request.seed or 0
    try:
        return _call(pipelines, pipeline, [request.prompt], [seed], request, texts, watch, way)[0]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if way.latents is not None:
        way.latents.clear()
    if not pipelines.step_down(pipeline):
        raise MemoryError(
            "Out of memory with every saving on: ask for a smaller picture, or choose a smaller family."
        )
    return _call(pipelines, pipeline, [request.prompt], [seed], request, texts, watch, way)[0]


def render_batch(pipelines: PipelineCache, pipeline: Any, prompts: list[str], seeds: list[int],
                 request: DrawRequest) -> list[Image.Image]:
    """Pictures of several prompts in one batch: quicker, but the last bit may depend on the batch's size."""
    return _call(pipelines, pipeline, prompts, seeds, request, None, None)


def _call(pipelines: PipelineCache, pipeline: Any, prompts: list[str], seeds: list[int], request: DrawRequest,
          texts: Any, watch: Watch | None, way: Way = Way()) -> list[Image.Image]:
    guided = request.guidance is not None and request.guidance > 1
    # An empty negative prompt is none at all: families differ in what that means to them, as diffusers has it.
    negative = request.negative_prompt or None
    each = [pipelines.encode(pipeline, prompt, negative, guided, texts) for prompt in prompts]
    embeddings = {name: torch.cat([one[name] for one in each]) for name in each[0]}
    with _scheduler(pipeline, request.scheduler) as scheduler, \
            prompted(pipelines, pipeline, way.worn) as wearing:
        if way.is_followed and hasattr(scheduler, "disable_corrector"):  # UniPC's would undo what is blended in
            scheduler.disable_corrector = list(range(request.steps or 0))
        watched = Watched(scheduler) if watch else None
        given = {}
        if wearing:
            given = wearing.arguments(guided, request.width or 0, request.height or 0)
            wearing.at(0.0)

        def after_step(_pipeline: Any, step: int, _timestep: Any, values: dict) -> dict:
            if wearing:
                wearing.at((step + 1) / (request.steps or 1))
            if watch is not None and watched is not None:
                watch(step + 1, watched)
            return {**values, "latents": way.after_step(step, values["latents"])}

        try:
            return pipeline(
                **embeddings,
                **given,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance,
                width=request.width,
                height=request.height,
                generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
                callback_on_step_end=after_step,
            ).images
        except Stopped:
            pipeline.maybe_free_model_hooks()
            raise


@contextmanager
def _scheduler(pipeline: Any, name: str | None) -> Iterator[Any]:
    """The pipeline under a scheduler of its own for the length of the block."""
    own = pipeline.scheduler
    pipeline.scheduler = build_scheduler(name, own)
    try:
        yield pipeline.scheduler
    finally:
        pipeline.scheduler = own


def _colours(pipelines: PipelineCache, pipeline: Any) -> ColourMap:
    beside = pipelines.loaded(pipeline).beside
    if "colours" not in beside:
        beside["colours"] = ColourMap(pipeline.vae)
    return beside["colours"]


@cache
def _versions() -> dict[str, str]:
    """Versions that pixels may depend on."""
    return {package: version(package) for package in PACKAGES}
