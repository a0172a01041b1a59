"""From a prompt to pictures in the library, each with the recipe that draws it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from studio.contracts.events import Event, PictureDrawn, PreviewDrawn, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe
from studio.contracts.requests import DrawRequest, as_json
from studio.contracts.sampling import LoraUse, OutfitUse, Sampling, Wearing
from studio.engine.adapters.ip_adapter import ImagePrompt, digest_of_use, prompted
from studio.engine.adapters.lora import Applied, attached
from studio.engine.generation.callback_stream import Stopped, streamed
from studio.engine.generation.inpaint_region import InpaintRegion
from studio.engine.generation.outfits import KeepOutside, beside_the_outfit, dressed, first_pass_of
from studio.engine.generation.preview import ColourMap, SchedulerTap
from studio.engine.generation.time_left import TimeLeft
from studio.engine.models.driver import Driver, Words
from studio.engine.models.memory import is_out_of_memory
from studio.engine.models.pipeline_cache import PipelineCache
from studio.tasks.draw import pictures_of
from studio.words.prompt_syntax import SYNTAX

if TYPE_CHECKING:
    from studio.library import Library, Lora, Outfit

PREVIEW_EVERY = 3  # steps
PACKAGES = ("torch", "diffusers", "transformers", "peft")
Stop = Callable[[], bool]
Watch = Callable[[int, SchedulerTap], None]  # after each step: its number from 1, and what the scheduler saw


def draw(
    request: DrawRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Stop
) -> Iterator[Event]:
    """Draw `request.count` pictures of each of its prompts, one after another, and save each with its recipe.

    Yields PreviewDrawn every few steps and PictureDrawn after each picture. Picture i starts from seed + i and is a
    batch of its own, so that its pixels do not depend on the count. Ends within a step once `stop()` is true; what is
    finished is kept. Raises ValueError, in a sentence, for an unknown scheduler or LoRA and for refused weights.
    """
    drawing = _Drawing(request, Adapters.of(request, library, pipelines, family))

    def run(tell: Callable[[Event], None]) -> None:
        drawing.run(tell, library, stop)

    yield from streamed(run)


@dataclass(frozen=True, kw_only=True)
class PartOfPicture(Sampling):
    """A part that is drawn of a picture, resolved; its prompt may be empty, its sides are in pixels."""

    prompt: str
    width: int
    height: int


Drawable = DrawRequest | PartOfPicture  # what is asked of one picture


def is_guided(driver: Driver, asked: Drawable) -> bool:
    """Whether each step is taken with the prompt and without (Ho and Salimans 2022)."""
    return driver.capabilities.guidance and asked.guidance is not None and asked.guidance > 1


@dataclass(frozen=True)
class Extensions:
    """Extra conditioning of one denoising run: image prompts, latents to blend, or an inpainting region.

    `latents` is a list that collects the latents of each step, on the CPU.
    """

    worn: Sequence[ImagePrompt] = ()
    kept: KeepOutside | None = None
    latents: list[Tensor] | None = None
    passes: tuple[int, int] = (1, 1)  # which of how many this is
    part: InpaintRegion | None = None

    @property
    def is_followed(self) -> bool:
        """Whether its latents after each step are looked at, and not those of the scheduler alone."""
        return self.kept is not None or self.latents is not None or self.part is not None

    def steps_of(self, asked: Drawable) -> int:
        """How many denoising steps the run takes."""
        return (asked.steps or 1) if self.part is None else self.part.steps_of(asked.steps or 1)

    def after_step(
        self, driver: Driver, pipeline: Any, step: int, values: dict[str, Any], asked: Drawable
    ) -> dict[str, Any]:
        """What the pipeline goes on with after a step, counted from 0."""
        if not self.is_followed:
            return values
        latents = driver.spatial(values["latents"], asked.width or 0, asked.height or 0)
        if self.latents is not None:
            self.latents.append(latents.cpu())
        if self.kept is not None:
            return {**values, "latents": driver.packed(self.kept.blended(step, latents))}
        if self.part is not None:
            guided = is_guided(driver, asked)
            return {**values, **self.part.after_step(driver, pipeline, step, asked.steps or 1, latents, guided)}
        return values


@dataclass(frozen=True)
class _Drawing:
    """One request and what it is drawn with."""

    request: DrawRequest
    adapters: Adapters

    def run(self, tell: Callable[[Event], None], library: Library, stop: Stop) -> None:
        each, time_left = pictures_of(self.request), TimeLeft()
        count = len(each)
        for index, alone in enumerate(each):
            if stop():
                return
            image, estimates = self._picture(alone, index, tell, stop)
            picture = library.save_picture(image, self.adapters.recipe(alone, estimates))
            time_left.drew()
            tell(PictureDrawn(index, count, str(picture.path), time_left.of(count - index - 1)))

    def _picture(
        self, request: DrawRequest, index: int, tell: Callable[[Event], None], stop: Stop
    ) -> tuple[Image.Image, dict[str, float]]:
        """The picture and its estimates; in two passes where outfits are worn.

        The first pass, without them, shows where the clothing is, and afterwards what the outfits did to the rest.
        """
        if not self.adapters.outfits:
            return drawn(request, self.adapters, Extensions(), index, tell, stop), {}
        passes = 1

        def draw_bare(asked: DrawRequest, latents: list[Tensor]) -> Image.Image:
            nonlocal passes
            passes = 2
            tell(StageReported("First without the outfit"))
            return drawn(asked, self.adapters, Extensions(latents=latents, passes=(1, 2)), index, tell, stop)

        shared: dict[str, Any] = {"pipelines": self.adapters.pipelines, "family": self.adapters.family}
        bare = first_pass_of(request, [lora for lora, _ in self.adapters.loras], draw_bare, **shared)
        tell(StageReported("Looking at the outfit"))
        worn, kept = dressed(self.adapters.outfits, bare, tell, **shared)
        image = drawn(request, self.adapters, Extensions(worn, kept, passes=(passes, passes)), index, tell, stop)
        image = kept.restored(image) if kept else image
        return image, beside_the_outfit(bare, image, **shared)


@dataclass(frozen=True)
class Adapters:
    """The LoRAs and outfits of the library that a request draws with, in its order."""

    pipelines: PipelineCache
    family: ModelFamily
    loras: Sequence[tuple[Lora, LoraUse]]
    outfits: Sequence[tuple[Outfit, OutfitUse]]

    @classmethod
    def of(cls, request: Wearing, library: Library, pipelines: PipelineCache, family: ModelFamily) -> Adapters:
        """What a resolved request names. Raises ValueError for what the library does not have."""
        return cls(
            pipelines,
            family,
            tuple((library.lora(use.slug), use) for use in request.loras),
            tuple((library.outfit(use.slug), use) for use in request.outfits),
        )

    def recipe(self, request: Any, estimates: Mapping[str, float]) -> Recipe:
        """The recipe of one picture, whose request asks for it alone and has its seed."""
        digests = {
            use.slug: digest_of_use(use, request.finds_clothes, pipelines=self.pipelines, family=self.family)
            for _, use in self.outfits
        }
        return Recipe(
            request=as_json(request),
            family={
                "name": self.family.name,
                "title": self.family.title,
                "sha256": self.pipelines.fingerprint(self.family),
            },
            loras=tuple(
                {"slug": lora.slug, "name": lora.name, "sha256": lora.sha256, "scale": use.unet}
                for lora, use in self.loras
            ),
            outfits=tuple(
                {"slug": outfit.slug, "name": outfit.name, "sha256": outfit.sha256, "adapter": digests[use.slug]}
                for outfit, use in self.outfits
            ),
            estimates=estimates,
            versions=_versions(),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )


def drawn(
    asked: Drawable,
    adapters: Adapters,
    extensions: Extensions,
    index: int,
    tell: Callable[[Event], None],
    stop: Stop,
    task: str = "draw",
) -> Image.Image:
    """Picture number `index` of a run on the family's pipeline for the task, with its LoRAs in it; previews are told.

    Raises Stopped within a step once `stop()` is true.
    """
    with adapters.pipelines.lend(adapters.family, task) as pipeline:
        driver = adapters.pipelines.driver(pipeline)
        if extensions.part is None and driver.sees_masks(pipeline):
            raise ValueError(
                f"{adapters.family.title} is an inpainting checkpoint: it repaints, on Retouch, and draws "
                "nothing anew. Choose another family to draw."
            )
        colours = _colours(adapters.pipelines, pipeline)
        steps, (number, of) = extensions.steps_of(asked), extensions.passes

        def watch(step: int, watched: SchedulerTap) -> None:
            if stop():
                raise Stopped
            if step % PREVIEW_EVERY == 0:
                seen = driver.spatial(watched.clean(), asked.width or 0, asked.height or 0)
                tell(PreviewDrawn(index, (number - 1) * steps + step, of * steps, colours.jpeg(seen)))

        loras = [Applied(lora.path, use.unet, use.text_encoder) for lora, use in adapters.loras]
        with attached(adapters.pipelines, pipeline, loras) as texts:
            return render(adapters.pipelines, pipeline, asked, texts=texts, watch=watch, extensions=extensions)


def render(
    pipelines: PipelineCache,
    pipeline: Any,
    request: Drawable,
    *,
    texts: Any = None,
    watch: Watch | None = None,
    extensions: Extensions = Extensions(),
) -> Image.Image:
    """One picture of a resolved request, on a pipeline that is lent and dressed; RGB, width x height.

    `texts` is the key that `attached` gave. Steps down the memory plan once, and then gives up with the error.
    """
    seed = request.seed or 0
    try:
        return _call(pipelines, pipeline, [request.prompt], [seed], request, texts, watch, extensions)[0]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if extensions.latents is not None:
        extensions.latents.clear()
    if not pipelines.step_down(pipeline):
        raise MemoryError("Out of memory with every saving on: ask for a smaller picture, or choose a smaller family.")
    return _call(pipelines, pipeline, [request.prompt], [seed], request, texts, watch, extensions)[0]


def render_batch(
    pipelines: PipelineCache, pipeline: Any, prompts: list[str], seeds: list[int], request: DrawRequest
) -> list[Image.Image]:
    """Pictures of several prompts in one batch: quicker, but the last bit may depend on the batch's size."""
    return _call(pipelines, pipeline, prompts, seeds, request, None, None)


def _call(
    pipelines: PipelineCache,
    pipeline: Any,
    prompts: list[str],
    seeds: list[int],
    request: Drawable,
    texts: Any,
    watch: Watch | None,
    extensions: Extensions = Extensions(),
) -> list[Image.Image]:
    driver = pipelines.driver(pipeline)
    guided = is_guided(driver, request)
    # An empty negative prompt is none at all: families differ in what that means to them, as diffusers has it.
    negative = (request.negative_prompt or None) if driver.capabilities.negative_prompt else None
    each = [pipelines.encode(pipeline, Words(prompt, negative, guided, weighted=True), texts) for prompt in prompts]
    embeddings = {name: torch.cat([one[name] for one in each]) for name in each[0]}
    with (
        _scheduler(driver, pipeline, request.scheduler) as scheduler,
        prompted(pipelines, pipeline, extensions.worn) as wearing,
    ):
        if extensions.is_followed and hasattr(scheduler, "disable_corrector"):  # UniPC's would undo what is blended in
            scheduler.disable_corrector = list(range(request.steps or 0))
        watched = SchedulerTap(driver, scheduler) if watch else None
        given = extensions.part.arguments(driver, pipeline, request.steps or 1) if extensions.part else {}
        steps = extensions.steps_of(request)
        if wearing:
            given |= wearing.arguments(guided, request.width or 0, request.height or 0)
            wearing.at(0.0)

        def after_step(_pipeline: Any, step: int, _timestep: Any, values: dict) -> dict:
            if wearing:
                wearing.at((step + 1) / steps)
            if watch is not None and watched is not None:
                watch(step + 1, watched)
            return extensions.after_step(driver, pipeline, step, values, request)

        try:
            return pipeline(
                **embeddings,
                **given,
                **driver.guidance(request.guidance),
                num_inference_steps=request.steps,
                width=request.width,
                height=request.height,
                generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
                callback_on_step_end=after_step,
            ).images
        except Stopped:
            pipeline.maybe_free_model_hooks()
            raise


@contextmanager
def _scheduler(driver: Driver, pipeline: Any, name: str | None) -> Iterator[Any]:
    """The pipeline under a scheduler of its own for the length of the block."""
    own = pipeline.scheduler
    pipeline.scheduler = driver.scheduler(name, own)
    try:
        yield pipeline.scheduler
    finally:
        pipeline.scheduler = own


def _colours(pipelines: PipelineCache, pipeline: Any) -> ColourMap:
    loaded = pipelines.loaded(pipeline)
    if "colours" not in loaded.beside:
        loaded.beside["colours"] = ColourMap(loaded.driver, pipeline)
    return loaded.beside["colours"]


@cache
def _versions() -> dict[str, str]:
    """Versions that pixels may depend on, that of how prompts are read among them."""
    return {**{package: version(package) for package in PACKAGES}, "prompts": SYNTAX}
