"""What repainting clothes does to the rest of a picture.

Characters that the family draws from held-out captions put on outfits that training never has, each given as a picture:
by diffusers' inpainting as its documentation uses it, pasted back or not, and by the studio; with one seed and one
prompt, which names no clothes. What shows along the edge of the mask and what changed outside of it is measured; the
judge reads whether the garments are those asked for, and whether their wearer is still the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLInpaintPipeline
from PIL import Image

import studio
from benchmarks.quality.found_masks import union_of
from benchmarks.quality.held_out import garments_right, has_garment_colour, held_out_outfits
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish
from benchmarks.results import ROOT, table
from pocketworld.assemble import load_family
from pocketworld.attributes import visible
from pocketworld.captions import full_caption
from pocketworld.judge import Judge, Reading
from pocketworld.render import outfit, render
from pocketworld.world import Spec, sample
from studio.contracts.family import ModelFamily, find_family
from studio.contracts.recipes import SEAM, sha256_of
from studio.engine.generation.outfits import ROOM
from studio.engine.vision.picture_metrics import changed_outside, seam
from studio.imaging.compositing import softened
from studio.imaging.masks import box_of, exact_mask, grown, hard
from studio.library.family_files import families
from studio.words.clothing_words import without_clothes

CHARACTERS, OUTFITS, SHOWN = 20, 10, 8
SEED = 2029
BARE = "before"
PLAIN, PASTED, OURS = "plain", "plain, pasted", "ours"
ROOMY, ROOMY_PASTED = "plain, our mask", "plain, our mask, pasted"
WAYS = (PLAIN, PASTED, ROOMY, ROOMY_PASTED, OURS)
GRID = (PLAIN, PASTED, OURS)
SELF = ("noun", "skin", "fur", "hair", "hair_colour", "expression", "pose", "scene")  # what no outfit changes
# How far round the clothes that were there, as a share of the picture's width, their colours are looked for; and how much
# of all that has one of these colours must lie there.
ROUND, THEIRS = 6 / 128, 0.8
MEANS = ("seam", "along", "left", "outside", "changed")  # of Told: numbers
SHARES = ("colours", "kinds", "others", "kept")  # of Told: what is right of what could be


def main(flags: Sequence[str]) -> None:
    parser = parser_for("seams", __doc__)
    parser.add_argument("--subjects", type=int, default=CHARACTERS, metavar="N", help="characters to dress")
    parser.add_argument("--outfits", type=int, default=OUTFITS, metavar="N", help="for each of them")
    parser.add_argument(
        "--repainted",
        type=Path,
        default=ROOT / ".pocketworld" / "seams",
        help="folder for what is drawn and repainted, to go on from there",
    )
    given = parser.parse_args(flags)
    score_seams(given.out, given.repainted, given.family, given.subjects, given.outfits)


@dataclass(frozen=True)
class Character:
    """Somebody drawn: who, the picture, and the clothing in it as the studio finds it (L)."""

    number: int
    spec: Spec
    image: Image.Image
    clothing: Image.Image


@dataclass(frozen=True)
class Worn:
    """An outfit: a spec whose clothes are it. Every other one is shown on a mannequin, the others are laid flat."""

    number: int
    spec: Spec

    @cached_property
    def picture(self) -> Image.Image:
        return outfit(self.spec, worn=self.number % 2 == 0)

    @property
    def name(self) -> str:
        return f"{self.spec.top_colour} {self.spec.top} and {self.spec.bottom_colour} {self.spec.bottom}"


@dataclass(frozen=True)
class Repainted:
    """A picture after one way, and the mask (L) that it was made with.

    `joined` is the seam where it was joined to the picture before, if that is elsewhere than along the mask's edge.
    """

    image: Image.Image
    mask: Image.Image
    joined: float | None = None


@dataclass(frozen=True)
class Told:
    """What was measured of one pair in one way.

    `seam` is the studio's own measure, along the edge of what was repainted; `along` the same along the edge of the
    way's own mask. Of the judge's readings: which colours and kinds of garments are those asked for, which kinds are
    where another one was before (`others`), and what no outfit changes is read as before (`kept`). `left` is the share
    of pixels in a colour of the old clothes that stayed so, NaN where the new ones have it too. `outside` is the mean
    change outside of the mask, of 255; `changed` counts pixels.
    """

    character: int
    colours: tuple[bool, ...]
    kinds: tuple[bool, ...]
    others: tuple[bool, ...]
    kept: tuple[bool, ...]
    left: float
    seam: float = 0.0
    along: float = 0.0
    outside: float = 0.0
    changed: int = 0


class Bench:
    """Draws characters and repaints them, each picture once: `folder` keeps them, by what they were made of.

    What is read and measured is read anew from them. Remove the folder to draw anew, as after a change of how the
    studio repaints; a change of the family's weights is seen by itself.
    """

    def __init__(self, desk: studio.Studio, folder: Path) -> None:
        self.desk, self.folder = desk, folder / state_of(desk.family)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._outfits: dict[int, str] = {}  # slugs in the library

    def characters(self, count: int) -> Iterator[Character]:
        """Full figures as the family draws them; one in whom no clothing is found is left out."""
        for number, spec in enumerate(held_out_characters()):
            if not count:
                return
            image, clothing = self._drawn(spec, SEED + number)
            if box_of(clothing):
                count -= 1
                yield Character(number, spec, image, clothing)

    def repaint(self, who: Character, worn: Worn) -> dict[str, Repainted]:
        """The character in the outfit, in all WAYS, from one seed."""
        seed, prompt = SEED + 1000 * who.number + worn.number, self.prompt(who.spec)
        name = _digest([full_caption(who.spec), who.number, prompt, seed, vars(worn.spec), worn.number % 2])
        ours, room = self._kept(f"{name}-ours", 2, lambda: self._ours(who, worn, prompt, seed))
        soft = _opened(room)
        room = hard(soft)
        plain, roomy = (
            _opened(*self._kept(f"{name}-{way}", 1, lambda mask=mask: [self._plain(who, worn, mask, prompt, seed)]))
            for way, mask in (("plain", who.clothing), ("roomy", room))
        )
        return {
            PLAIN: Repainted(plain, who.clothing),
            PASTED: Repainted(Image.composite(plain, who.image, who.clothing), who.clothing),
            ROOMY: Repainted(roomy, room),
            ROOMY_PASTED: Repainted(Image.composite(roomy, who.image, room), room),
            OURS: Repainted(_opened(ours), soft, studio.read_png(ours).estimates[SEAM]),
        }

    def prompt(self, spec: Spec) -> str:
        """What the character was drawn by, without its clothes, as the studio leaves them out."""
        return without_clothes(full_caption(spec), self.desk.family)

    def _drawn(self, spec: Spec, seed: int) -> list[Image.Image]:
        def draw() -> list[Image.Image]:
            image = self.desk.start(studio.DrawRequest(full_caption(spec), seed=seed)).result()[0].image
            return [image, union_of(self.desk, image, "clothing")]

        return list(map(_opened, self._kept(_digest([full_caption(spec), seed]), 2, draw)))

    def _ours(self, who: Character, worn: Worn, prompt: str, seed: int) -> list[Path | Image.Image]:
        """The picture's file, its recipe inside, and the mask of it: where there may be clothes, with its soft edge."""
        if worn.number not in self._outfits:
            self._outfits[worn.number] = self.desk.library.add_outfit(worn.name, worn.picture).slug
        slug = self._outfits[worn.number]
        picture = self.desk.start(studio.WearRequest(who.image, slug, prompt, seed=seed)).result()[0]
        return [picture.path, exact_mask(self.desk.library.image(picture.recipe.request["mask"]), who.image.size)]

    def _plain(self, who: Character, worn: Worn, mask: Image.Image, prompt: str, seed: int) -> Image.Image:
        """diffusers' own result, with as many steps and as much guidance as the studio takes."""
        usual = self.desk.family.repainting
        return self._pipeline(
            prompt,
            image=who.image,
            mask_image=mask,
            ip_adapter_image=worn.picture,
            strength=1.0,
            width=who.image.width,
            height=who.image.height,
            num_inference_steps=usual["steps"],
            guidance_scale=usual["guidance"],
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]

    @cached_property
    def _pipeline(self) -> Any:
        """A pipeline that shares nothing with the studio's."""
        pipeline = StableDiffusionXLInpaintPipeline.from_pipe(load_family(Path(self.desk.family.weights)))
        pipeline.set_progress_bar_config(disable=True)
        adapter = Path(next(iter(self.desk.family.image_adapters.values())).weights)
        pipeline.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name, image_encoder_folder=None)
        pipeline.set_ip_adapter_scale(1.0)
        return pipeline

    def _kept(self, name: str, count: int, make: Callable[[], Sequence[Path | Image.Image]]) -> list[Path]:
        """The files of so many pictures that lie in the folder, or that are made and laid there."""
        files = [self.folder / f"{name}-{part}.png" for part in range(count)]
        if not all(file.is_file() for file in files):
            for file, made in zip(files, make(), strict=True):
                temporary = file.with_suffix(f".{os.getpid()}")
                if isinstance(made, Path):
                    shutil.copyfile(made, temporary)
                else:
                    made.save(temporary, "PNG")
                os.replace(temporary, file)
        return files


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.copy()


def state_of(family: ModelFamily) -> str:
    """A name that tells all the weights that the pictures here depend on from any others."""
    adapter = Path(next(iter(family.image_adapters.values())).weights)
    segmenter = Path(family.segmenters[family.masking["segmenter"]])
    files = [
        adapter,
        *(
            file
            for folder in (Path(family.weights), Path(family.detector), segmenter)
            for file in sorted(folder.rglob("*.safetensors"))
        ),
    ]
    return f"{family.name}-{_digest([sha256_of(file) for file in files])}"


def held_out_characters() -> Iterator[Spec]:
    """Full figures in combinations that training never sees, without end; the same ones every time."""
    rng = random.Random(SEED)
    while True:
        spec = sample(rng, held_out=True)
        if spec.noun and spec.framing == "full figure" and spec.accessory == "none":  # a scarf hides garments
            yield spec


def told_of(
    who: Character,
    worn: Worn,
    one: Repainted,
    was: Mapping[str, Reading],
    reading: Mapping[str, Reading],
    trusted: Sequence[str],
) -> Told:
    """What one way did; `was` and `reading` are what the judge reads before and after."""
    right = garments_right(worn.spec, reading)
    own = [name for name in visible(who.spec) if name in SELF and name in trusted]
    outside = np.asarray(one.mask) == 0
    apart, along = np.abs(_pixels(one.image) - _pixels(who.image))[outside], seam(who.image, one.image, one.mask)
    return Told(
        who.number,
        colours=tuple(value for name, value in right.items() if name.endswith("_colour")),
        kinds=tuple(value for name, value in right.items() if not name.endswith("_colour")),
        others=tuple(
            right[name]
            for name in ("top", "bottom")
            if name in right and kind_before(was, name) != getattr(worn.spec, name)
        ),
        kept=tuple(reading[name].word == was[name].word for name in own),
        left=left_of(who, worn, one.image),
        seam=along if one.joined is None else one.joined,
        along=along,
        outside=float(apart.mean()) if len(apart) else 0.0,
        changed=changed_outside(who.image, one.image, one.mask),
    )


def kind_before(was: Mapping[str, Reading], part: str) -> str | None:
    """Which kind of garment was there, by the judge; None where a dress leaves no place for it."""
    return None if part == "bottom" and was["top"].word == "dress" else was[part].word


def left_of(who: Character, worn: Worn, after: Image.Image) -> float:
    """Of the pixels in colours of the old clothes, on these and right round them, the share that still has them.

    NaN where there are none to tell them by: lines are black, fur and places have colours of clothes too, and so may
    the new ones.
    """
    near = np.asarray(grown(who.clothing, ROUND * who.image.width)) >= 128
    there = stayed = 0
    for colour in {who.spec.top_colour, who.spec.bottom_colour} - {
        worn.spec.top_colour,
        worn.spec.bottom_colour,
        who.spec.fur,
        "black",
    }:
        if colour is None:
            continue
        before, now = (has_garment_colour(_pixels(image), colour) for image in (who.image, after))
        if (before & near).sum() > THEIRS * before.sum():
            there, stayed = there + (before & near).sum(), stayed + (before & now & near).sum()
    return float(stayed / there) if there else float("nan")


def nothing_to_see(worn: Sequence[Worn], side: int, count: int = 10) -> tuple[float, float]:
    """What the seam measure says of renders alike but for the colours of their clothes: along the clothes, and along a
    soft edge a little way round them."""
    along: tuple[list[float], list[float]] = ([], [])
    for spec, one in zip(islice(held_out_characters(), count), cycle(worn), strict=False):
        other = replace(spec, top_colour=one.spec.top_colour, bottom_colour=spec.bottom and one.spec.bottom_colour)
        before, after = render(spec, side), render(other, side, truth=False).image
        clothes = grown(before.mask("top", "bottom", "shoes"), side / 128)
        for found, mask in zip(along, (clothes, softened(grown(clothes, ROOM * side), side / 32)), strict=True):
            found.append(seam(before.image, after, mask))
    return float(np.mean(along[0])), float(np.mean(along[1]))


def score_seams(
    out: Path, folder: Path, family: str = "pocket", characters: int = CHARACTERS, outfits: int = OUTFITS
) -> dict[str, Any]:
    """Draw, repaint, measure; writes a section of RESULTS.md, JSON and a grid, and returns the figures.

    Every picture stays in `folder`, so that a run that was stopped goes on, in a folder of its own for each state of
    the family. Fewer characters and outfits make a smaller run.
    """
    judge, found = Judge.load(), {way: [] for way in (BARE, *WAYS)}
    worn = [Worn(number, spec) for number, spec in enumerate(held_out_outfits(outfits))]
    cells: list[tuple[Image.Image, str]] = []
    with tempfile.TemporaryDirectory() as library, studio.open(Path(library) / "library", family) as desk:
        bench = Bench(desk, folder)
        for place, who in enumerate(bench.characters(characters)):
            was = judge.read([who.image])[0]
            nothing = Image.new("L", who.image.size)
            for one in worn:
                pictures = {BARE: Repainted(who.image, nothing), **bench.repaint(who, one)}
                readings = judge.read([told.image for told in pictures.values()])
                for (way, picture), reading in zip(pictures.items(), readings, strict=True):
                    found[way].append(told_of(who, one, picture, was, reading, judge.trusted))
                if place < SHOWN and one.number == place % outfits:
                    cells += [(who.image, bench.prompt(who.spec)), (one.picture, one.name)]
                    cells += [(pictures[way].image, way) for way in GRID]
            print(
                f"{place + 1} of {characters}:",
                ", ".join(f"{way} {np.mean([told.seam for told in found[way]]):.2f}" for way in WAYS),
                flush=True,
            )
    figures = {
        "characters": characters,
        "outfits": outfits,
        "nothing to see": nothing_to_see(worn, find_family(families(), family).resolution),
        **as_figures(found),
    }
    grid = captioned_sheet([image for image, _ in cells], [text for _, text in cells], columns=2 + len(GRID))
    # in all its colours: fewer would make edges, and hide some
    publish("seams", as_markdown(figures), figures, out, grid, colours=None)
    return figures


def as_figures(found: Mapping[str, Sequence[Told]]) -> dict[str, Any]:
    """By way: of MEANS, [mean, low, high] of 95%; of SHARES, (right, of); and in how many pairs ours has less of a seam
    than each other way, (pairs, of)."""
    ways = {}
    for way, told in found.items():
        groups = [one.character for one in told]
        ways[way] = {name: spread([getattr(one, name) for one in told], groups) for name in MEANS} | {
            name: (sum(map(sum, parts)), sum(map(len, parts)))
            for name in SHARES
            for parts in [[getattr(one, name) for one in told]]
        }
    lower = {
        way: (
            sum(ours.seam < other.seam for ours, other in zip(found[OURS], found[way], strict=True)),
            len(found[OURS]),
        )
        for way in WAYS
        if way != OURS
    }
    return {"ways": ways, "ours has less of a seam": lower}


def spread(values: Sequence[float], groups: Sequence[int], count: int = 1000) -> tuple[float, float, float] | None:
    """The mean and the middle 95% of means over groups that are drawn again with replacement (Efron 1979): a
    character's pictures are alike. What is NaN is left out; None where nothing is left."""
    array, each = np.array(values, dtype=float), np.array(groups)
    there = ~np.isnan(array)
    if not there.any():
        return None
    sums = np.array(
        [
            [array[there & (each == group)].sum(), (there & (each == group)).sum()]
            for group in dict.fromkeys(each[there].tolist())
        ]
    )
    rows = np.random.default_rng(0).integers(len(sums), size=(count, len(sums)))
    again = sums[rows].sum(axis=1)
    low, high = np.quantile(again[:, 0] / again[:, 1], (0.025, 0.975))
    return float(array[there].mean()), float(low), float(high)


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The section for RESULTS.md."""
    hard, soft = figures["nothing to see"]
    less = ", ".join(f"than {way} in {percent(*pair)}" for way, pair in figures["ours has less of a seam"].items())
    return "\n\n".join(
        (
            "### Another outfit in the same picture, and what else changes",
            f"{figures['characters']} characters as Pocket draws them from captions of combinations that training never "
            f"had, each put into {figures['outfits']} outfits whose colours training never has together, given as a "
            "picture, every other one laid flat. Plain is diffusers' `StableDiffusionXLInpaintPipeline` at strength 1.0, "
            "the IP-Adapter at 1.0, with the clothing that the studio finds as its mask; pasted, its result is laid on the "
            "picture through that mask. Our mask has room for other clothes. Ours is one `WearRequest`. Prompt and seed "
            "are the same in all.",
            table(
                [
                    "way",
                    "seam",
                    "along the mask",
                    "colours right",
                    "kinds right",
                    "where another kind was",
                    "the rest as before",
                    "old clothes left",
                    "change outside, of 255",
                    "pixels changed outside",
                ],
                [_row(way, told) for way, told in figures["ways"].items()],
            ),
            "Seam: by how much more than in the picture before neighbouring pixels differ across the edge of what was "
            "repainted, of 255; of a soft edge, across the line where that is the most. That edge is the way's own mask's; "
            "ours joins the two pictures where they are most alike, in a band round its mask, so that its seam is there; "
            "along its mask, in the column beside, lie also the hems and collars of the new clothes. An outline that was "
            "there before is no seam: on renders of one figure in two sets of colours, where there is nothing to "
            f"see, it is {hard:.2f} along the clothes, as by a plain mask, and {soft:.2f} along a soft edge round them. "
            f"Ours has less of a seam {less} of the pairs. "
            "Garments, and whether who, how and where it is are read as before, are the judge's. Old clothes left: of the "
            "pixels in colours of the clothes before, the share that still has them. 95% intervals in brackets, those of "
            "means over characters.",
            "![Before, the outfit, plain, plain pasted back, ours](quality/grids/seams.png)",
            made_by("seams", "the grid"),
        )
    )


def _row(way: str, told: Mapping[str, Any]) -> list[str]:
    shares = [percent(*told[name]) for name in SHARES]
    if way == BARE:  # what is right by chance
        return [way, "", "", *shares[:2], "", "", "", "", ""]
    return [
        way,
        _spread(told["seam"], ".2f"),
        _spread(told["along"], ".2f"),
        *shares,
        _spread(told["left"], ".1%"),
        _spread(told["outside"], ".2f"),
        f"{told['changed'][0]:.1f}",
    ]


def _spread(values: Sequence[float] | None, form: str) -> str:
    """ "2.41 [2.10, 2.73]" """
    if values is None:
        return "-"
    mean, low, high = (format(one, form) for one in values)
    return f"{mean} [{low}, {high}]"


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.float32)


def _digest(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
