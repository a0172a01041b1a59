"""Photos and class images as a training takes them: latents and text embeddings, made once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from studio.contracts.events import StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe, read_png, write_png
from studio.contracts.requests import GARMENTS, DrawRequest, TrainRequest, as_json, resolved
from studio.contracts.validation import sides
from studio.engine.generation.drawing import render_batch
from studio.engine.models.driver import Conditioning, Words
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.training.buckets import size_for
from studio.engine.vision.grounded_sam import CLOTHING, outline
from studio.imaging.photos import open_image
from studio.library.store import write_atomically
from studio.words.articles import with_article

if TYPE_CHECKING:
    from studio.library import Library, Photo, Subject

CLASS_SEED = 1_000_003  # class images start from seeds of their own, whatever the run's
CLASS_BATCH = 4  # class images drawn at once
SHOWN_GARMENTS = ("tops", "colours")  # kinds of ready words that class prompts combine with the places


@dataclass(frozen=True)
class Picture:
    """One picture to learn from, at the training's resolution, and what it is called.

    `counts` says how much each place does: white fully, black not at all (L, as large); None: all fully.
    """

    image: Image.Image
    caption: str
    counts: Image.Image | None = None


@dataclass(frozen=True)
class Examples:
    """Pictures as the denoiser takes them; all on the training's device.

    mean, std: [count, channels, height / f, width / f], scaled: the VAE's posterior, sampled afresh at each step.
    weights: [count, 1, height / f, width / f], 0 to 1: how much each cell counts.
    conditioning: what the denoiser takes beside the latents, [count, ...] each. captions: what it says in words, for
    text encoders that learn.
    """

    mean: Tensor
    std: Tensor
    weights: Tensor
    conditioning: Conditioning
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.mean)

    def at(self, rows: Tensor) -> Examples:
        """A batch of the rows."""
        conditioning = {name: value[rows] for name, value in self.conditioning.items()}
        said = tuple(self.captions[row] for row in rows.tolist())
        return Examples(self.mean[rows], self.std[rows], self.weights[rows], conditioning, said)


def joined(parts: Sequence[Examples]) -> Examples:
    """All of one size, in their order."""
    names = parts[0].conditioning
    conditioning = {name: torch.cat([part.conditioning[name] for part in parts]) for name in names}
    mean, std, weights = (torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "std", "weights"))
    return Examples(mean, std, weights, conditioning, tuple(said for part in parts for said in part.captions))


@dataclass(frozen=True)
class Seen:
    """What was found out about a photo: words for what it shows, to follow the trigger; files of where its garments
    are and of the portrait made of it."""

    words: str = ""
    garments: Path | None = None
    portrait: Path | None = None


def instance_pictures(
    subject: Subject,
    request: TrainRequest,
    family: ModelFamily,
    factor: int,
    seen: Mapping[str, Seen] = MappingProxyType({}),
) -> Iterator[Picture]:
    """The subject's photos at each of the request's resolutions, each with its caption.

    One without a caption of its own is called by the trigger. If words were `seen` in it, it comes a second time, with
    them: so the garments belong to the subject where a prompt says nothing, and come off where it names others. One
    whose caption does not name the subject gets the trigger before it, so that every picture teaches it. `factor` is
    the VAE's, pixels for a cell of latents. They come one by one: 200 photos need no more memory than one.
    """
    resolutions = dict.fromkeys([request.resolution or 0, *sides(request.more_resolutions)])
    for photo in subject.photos:
        known = seen.get(photo.file, Seen())
        image = open_image(known.portrait) if known.portrait else photo.cropped
        counts = _lighter(known.garments, request.garment_weight) if known.garments else None
        for resolution in resolutions:
            size = size_for(*image.size, resolution, factor) if request.buckets else (resolution, resolution)
            here = filling(counts, size) if counts else None
            filled = filling(image, size)
            for caption in dict.fromkeys(_captions(photo, subject, family, known)):
                yield Picture(filled, caption, here)


def _lighter(garments: Path, weight: float | None) -> Image.Image:
    """How much each place counts, where garments, white in the file, count by a weight."""
    less = 1 - (1.0 if weight is None else weight)

    def lighter(value: int) -> int:
        return round(255 - less * value)

    with Image.open(garments) as mask:
        return mask.convert("L").point(lighter)


def filling(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest middle part of the image that has the shape of `size`, at that size."""
    width, height = size
    scale = min(image.width / width, image.height / height)
    across, down = scale * width, scale * height
    left, top = (image.width - across) / 2, (image.height - down) / 2
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + across, top + down), reducing_gap=3.0)


def _captions(photo: Photo, subject: Subject, family: ModelFamily, seen: Seen) -> Iterator[str]:
    """What a photo is called: by its own caption; else by the trigger, and a second time with what was seen.

    A portrait is called one, whatever its photo is called.
    """
    said = (photo.caption or "").strip()
    if said and not seen.portrait:  # it tells of the whole photo
        yield said if subject.named_in(said) else f"{subject.instance_prompt}, {said}"
        return
    yield family.portrait(subject.trigger) if seen.portrait else subject.instance_prompt
    if seen.words:
        yield (f"{family.portrait_start} {subject.trigger}" if seen.portrait else subject.instance_prompt) + seen.words


def class_prompts(subject: Subject, family: ModelFamily) -> list[str]:
    """What class images show: the class noun; in a family with ready words, its nouns, places and garments by turns.

    A small family knows so little that its whole world can be preserved (prior preservation, Ruiz et al. 2023), and
    one set of class images then serves every subject. The price: the class itself is held less firmly.
    """
    words = family.words()
    nouns = words.get("nouns") or [subject.class_noun]
    plain = [subject.instance_prompt.replace(subject.trigger, with_article(noun)) for noun in nouns]
    places = words.get("places", [])
    if not places:
        return [subject.instance_prompt.replace(subject.trigger, with_article(subject.class_noun))]
    tops, colours = (words.get(kind, []) for kind in SHOWN_GARMENTS)
    prompts = []
    for i in range(len(places) * len(plain)):
        top = with_article(f"{colours[i * 5 % len(colours)]} {tops[i % len(tops)]}") if tops and colours else ""
        # One place further in each round, so that every noun comes to every place.
        place = places[(i + i // len(plain)) % len(places)]
        prompts.append(f"{plain[i % len(plain)]}{f' in {top}' if top else ''}, {place}")
    return prompts


def draw_class_pictures(
    request: TrainRequest, subject: Subject, pipelines: PipelineCache, family: ModelFamily, library: Library
) -> Iterator[StageReported | Picture]:
    """Class images, drawn by the frozen base or taken from an earlier training of the same class and family.

    Yields a StageReported before each batch that has to be drawn, and at the end every Picture. The pipeline is
    borrowed for one batch at a time. Where garments alone count, pictures without any are left out.
    """
    wanted = request.class_images or 0
    if not wanted:
        return
    prompts = class_prompts(subject, family)
    folder = library.class_images(family.name, prompts[0])
    folder.mkdir(parents=True, exist_ok=True)
    sha256, side = pipelines.fingerprint(family), request.resolution or 0
    missing = [
        number for number in range(wanted) if not _is_drawn(folder / f"{number:04d}.png", prompts, number, sha256, side)
    ]
    done = wanted - len(missing)
    for start in range(0, len(missing), CLASS_BATCH):
        batch = missing[start : start + CLASS_BATCH]
        yield StageReported("Drawing class images", done + start, wanted)
        library.make_room(len(batch) * side**2 * 3)
        _draw_class_batch(batch, prompts, folder, request, pipelines, family, sha256)
    for number in range(wanted):
        path = folder / f"{number:04d}.png"
        with Image.open(path) as file:
            image = file.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        if request.prior_region != GARMENTS:
            yield Picture(image, prompts[number % len(prompts)])
            continue
        beside = path.with_name(f"{path.stem}-{GARMENTS}.png")
        if not beside.is_file() or beside.stat().st_mtime_ns < path.stat().st_mtime_ns:
            yield StageReported("Looking at the class images", number, wanted)
            library.make_room(image.width * image.height)
            _look_for_garments(path, beside, pipelines, family)
        with Image.open(beside) as file:
            worn = file.convert("L")
        if worn.getbbox():
            yield Picture(image, prompts[number % len(prompts)], worn.resize(image.size, Image.Resampling.BILINEAR))


def _look_for_garments(path: Path, to: Path, pipelines: PipelineCache, family: ModelFamily) -> None:
    """Write what is worn in a picture as a mask, all black for nothing."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    found = outline(image, CLOTHING, pipelines=pipelines, family=family) or Image.new("L", image.size)
    write_atomically(to, lambda part: found.save(part, "PNG"))


def _is_drawn(path: Path, prompts: Sequence[str], number: int, sha256: str, resolution: int) -> bool:
    """Whether the file is there, whole, and drawn by these weights from this prompt, as large as it is wanted."""
    if not path.is_file():
        return False
    try:
        recipe = read_png(path)
    except (ValueError, OSError):
        return False
    large_enough = isinstance(recipe.request.get("width"), int) and recipe.request["width"] >= resolution
    asked = recipe.request.get("prompt") == prompts[number % len(prompts)]
    return asked and large_enough and recipe.family.get("sha256") == sha256


def _draw_class_batch(
    numbers: list[int],
    prompts: Sequence[str],
    folder: Path,
    request: TrainRequest,
    pipelines: PipelineCache,
    family: ModelFamily,
    sha256: str,
) -> None:
    asked = [
        resolved(
            DrawRequest(
                prompt=prompts[number % len(prompts)],
                seed=CLASS_SEED + number,
                width=request.resolution,
                height=request.resolution,
                family=family.name,
            ),
            family.drawing,
        )
        for number in numbers
    ]
    with pipelines.lend(family) as pipeline:
        images = render_batch(
            pipelines, pipeline, [one.prompt for one in asked], [one.seed or 0 for one in asked], asked[0]
        )
    for number, one, image in zip(numbers, asked, images, strict=True):
        recipe = Recipe(
            request=as_json(one),
            family={"name": family.name, "title": family.title, "sha256": sha256},
            loras=(),
            versions={},
            created="",
        )
        write_png(image, folder / f"{number:04d}.png", recipe)


@torch.no_grad()
def encode(pictures: Iterable[Picture], pipelines: PipelineCache, pipeline: Any) -> list[Examples]:
    """Latents and text embeddings of the pictures, by a pipeline that is lent: a bucket for each size."""
    buckets: dict[tuple[int, int], list[Examples]] = {}
    latents: tuple[Image.Image, Tensor, Tensor] | None = None
    for picture in pictures:
        if latents is None or latents[0] is not picture.image:  # with another caption it comes right after itself
            latents = picture.image, *_latents(picture.image, pipelines, pipeline)
        buckets.setdefault(picture.image.size, []).append(_example(picture, *latents[1:], pipelines, pipeline))
    return [joined(rows) for rows in buckets.values()]


def _latents(image: Image.Image, pipelines: PipelineCache, pipeline: Any) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the picture's latents, [1, channels, height / f, width / f] each."""
    device = pipeline._execution_device
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(device, torch.float32) / 127.5 - 1
    return pipelines.driver(pipeline).latents(pipeline, pixels)


def _example(picture: Picture, mean: Tensor, std: Tensor, pipelines: PipelineCache, pipeline: Any) -> Examples:
    texts, device = pipelines.encode(pipeline, Words(picture.caption)), mean.device
    taken = pipelines.driver(pipeline).conditioning(pipeline, texts, picture.image.size)
    conditioning = {name: value.to(device) for name, value in taken.items()}
    weights = torch.ones(1, 1, *mean.shape[2:], device=device)
    if picture.counts is not None:
        counts = torch.from_numpy(np.array(picture.counts)).float().to(device) / 255
        weights = interpolate(counts[None, None], mean.shape[2:], mode="area")
    return Examples(mean, std, weights, conditioning, (picture.caption,))
