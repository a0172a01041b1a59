"""What an outfit does to the rest of a picture, method by method.

Taught characters wear outfits that they were never seen in, given as pictures by the IP-Adapter, in several ways and
each at several strengths. Of every picture the judge reads whether garments, character and place are right; and what
changed outside of clothing is measured against the same character and seed without an outfit. A way that does less
harm may only do less: so ways are compared where equally much of the outfit arrives.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import studio
from benchmarks.quality.background_metrics import bleed, drift, flat, outside
from benchmarks.quality.equal_fidelity import MEASURES, OUR, REFERENCE, as_figures, means
from benchmarks.quality.found_masks import union_of
from benchmarks.quality.held_out import REFERENCE_SCALES, garments_right
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, publish
from benchmarks.quality.taught_subjects import BODY, add_subject, photos_of, prompt
from benchmarks.results import ROOT, table
from pocketworld.judge import Judge, Reading, obeys
from pocketworld.render import outfit
from pocketworld.vocabulary import BOTTOMS, GARMENT_COLOURS, SHOES, TOPS
from pocketworld.world import SKIRTED, SUBJECTS, Spec
from studio.contracts.family import ModelFamily, find_family
from studio.contracts.recipes import sha256_of
from studio.library.family_files import built_in, families

POCKET = built_in()["pocket"]

# Fields of OutfitUse; a factor multiplies the scales. What is ours is said here alone.
OURS: dict[str, Any] = {"block_scales": next(iter(POCKET.outfit_presets.values())), "inside_garment": True}
WAYS: dict[str, dict[str, Any]] = {
    "whole picture": {"block_scales": 1.0, "inside_garment": False},
    REFERENCE: {"block_scales": REFERENCE_SCALES, "inside_garment": False},
    "InstantStyle": {"block_scales": POCKET.outfit_presets["Style and layout"], "inside_garment": False},
    OUR: OURS,
}
# Two blocks alone have to act more than all of them together for as much to arrive.
FACTORS = {
    "whole picture": (0.4, 0.6, 1.0),
    REFERENCE: (0.7, 1.0, 1.5),
    "InstantStyle": (0.7, 1.0, 1.5),
    OUR: (0.6, 1.0, 1.4),
}
CHOSEN = ("fox", "mohawk girl", "purple robot", "star boy", "bolt woman")
SCENES = ("beach", "kitchen", "street at night")
OUTFITS, SEED, OTHER_SEED = 10, 700, 800


def main(flags: Sequence[str]) -> None:
    parser = parser_for("outfit-methods", __doc__)
    parser.add_argument("--outfits", type=int, default=OUTFITS, metavar="N", help="of each subject")
    parser.add_argument("--subjects", type=int, default=len(CHOSEN), metavar="N")
    parser.add_argument("--scenes", type=int, default=len(SCENES), metavar="N")
    parser.add_argument("--factors", type=float, nargs="+", metavar="F", help="other factors, for all methods")
    parser.add_argument(
        "--loras",
        type=Path,
        default=ROOT / ".pocketworld" / "outfit-methods",
        help="folder for what is taught, drawn and read, to go on from there",
    )
    given = parser.parse_args(flags)
    score_outfit_methods(
        given.out, given.loras, given.family, given.outfits, given.subjects, given.scenes, given.factors
    )


@dataclass(frozen=True)
class Case:
    """One drawing: who, where, in which outfit (None: none), in which way, how strongly; the seed goes by the place."""

    subject: str
    scene: str
    number: int | None = None  # of the outfit
    way: str | None = None
    factor: float = 0.0
    seed: int = SEED


@dataclass(frozen=True)
class Drawn:
    """What was read of one picture: the judge's words by attribute, and what changed outside of clothing."""

    picture: str  # its id in the library
    words: Mapping[str, str]
    bleed: float = 0.0  # CIE76
    drift: float = 0.0  # relative
    flat: float = 0.0  # the drop of the share of the world's colours


class Readings:
    """Every reading so far as JSON lines, by what the picture was drawn from: what is there is not drawn again."""

    def __init__(self, file: Path) -> None:
        self.file, self._known = file, {}
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            with suppress(ValueError):  # the last one of a run that was stopped may be half written
                told = json.loads(line)
                key = told.pop("key")
                self._known[key] = Drawn(**told)

    def get(self, key: str) -> Drawn | None:
        return self._known.get(key)

    def add(self, key: str, drawn: Drawn) -> Drawn:
        with open(self.file, "a", encoding="utf-8") as file:
            file.write("\n" * (file.tell() > 0) + json.dumps({"key": key, **vars(drawn)}))
        self._known[key] = drawn
        return drawn


class Bench:
    """A library with taught subjects and their outfits, in which cases are drawn and read, once each.

    `folder` holds the library and the readings. Remove readings.jsonl to draw anew, all of it to teach anew.
    """

    def __init__(self, desk: studio.Studio, folder: Path, judge: Judge) -> None:
        self.desk, self.judge, self.readings = desk, judge, Readings(folder / "readings.jsonl")
        self._loras: dict[str, studio.Lora] = {}
        self._bare: dict[Case, tuple[Image.Image, Image.Image]] = {}  # without outfits: the picture, its clothing
        self._adapter = sha256_of(Path(next(iter(desk.family.image_adapters.values())).weights))

    def draw(self, case: Case) -> Drawn:
        """The reading of a case; drawn, if nobody has drawn it from the same LoRA, adapter and settings."""
        request = self.request(case)
        made_of = [self.lora(case.subject).sha256, request.prompt, request.seed]
        if case.number is not None:
            use = {name: value for name, value in vars(request.outfits[0]).items() if name != "slug"}
            made_of += [self._adapter, use, vars(self.worn(case))]
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
        return self.readings.get(key) or self.readings.add(key, self._read(case, request))

    def request(self, case: Case) -> studio.DrawRequest:
        use = None
        if case.number is not None:
            settings = WAYS[str(case.way)]
            use = [
                studio.OutfitUse(
                    self._outfit(case), **{**settings, "block_scales": times(settings["block_scales"], case.factor)}
                )
            ]
        return studio.DrawRequest(
            prompt=prompt(SUBJECTS[case.subject], case.scene),
            lora=self.lora(case.subject).slug,
            outfit=use,
            seed=case.seed + SCENES.index(case.scene),
        )

    def picture(self, case: Case) -> Image.Image:
        return self.desk.library.picture(self.draw(case).picture).image

    def worn(self, case: Case) -> Spec:
        """The outfit of the case, as a spec whose clothes are it."""
        return outfits_for(SUBJECTS[case.subject], OUTFITS)[case.number or 0]

    def reference(self, case: Case) -> Image.Image:
        """The outfit's picture: every other one is worn, the others are laid flat."""
        return outfit(self.worn(case), worn=case.number is not None and case.number % 2 == 0)

    def lora(self, name: str) -> studio.Lora:
        """The subject's LoRA, taught by the studio's defaults; one that is there is taken."""
        if name not in self._loras:
            taught = {lora.name: lora for lora in self.desk.library.loras()}
            self._loras[name] = taught.get(name.title()) or self._teach(name)
        return self._loras[name]

    def _teach(self, name: str) -> studio.Lora:
        known = {subject.name: subject for subject in self.desk.library.subjects()}
        spec = SUBJECTS[name]
        subject = known.get(name.title()) or add_subject(self.desk, name, spec, photos_of(spec))
        return self.desk.start(studio.TrainRequest(subject=subject.slug, seed=0)).result()

    def _outfit(self, case: Case) -> str:
        """The slug of the case's outfit."""
        called = f"{case.subject} {case.number}"
        known = {one.name: one.slug for one in self.desk.library.outfits()}
        return known.get(called) or self.desk.library.add_outfit(called, self.reference(case)).slug

    def _read(self, case: Case, request: studio.DrawRequest) -> Drawn:
        picture = self.desk.start(request).result()[0]
        words = {name: read.word for name, read in self.judge.read([picture.image])[0].items()}
        if case == bare_of(case):
            return Drawn(picture.id, words)
        before, clothing = self._without(bare_of(case))
        where = outside(clothing, union_of(self.desk, picture.image, "clothing"))
        return Drawn(
            picture.id,
            words,
            bleed(before, picture.image, where),
            drift(before, picture.image, where, self.judge),
            flat(before, where) - flat(picture.image, where),
        )

    def _without(self, bare: Case) -> tuple[Image.Image, Image.Image]:
        if bare not in self._bare:
            image = self.picture(bare)
            self._bare[bare] = image, union_of(self.desk, image, "clothing")
        return self._bare[bare]


def bare_of(case: Case) -> Case:
    """The same character, place and seed without an outfit: what bleed and drift are measured against."""
    return Case(case.subject, case.scene)


def outfits_for(spec: Spec, count: int) -> list[Spec]:
    """The subject in other clothes: neither kind nor colour of any is its own, nor is the colour that of its fur.

    Of ten, two are dresses where the world has such figures in dresses; the others get neither those nor skirts.
    """
    rng, skirted = random.Random(f"{spec.noun} {spec.top_colour}"), spec.noun in SKIRTED
    tops = [kind for kind in TOPS if kind != spec.top and (skirted or kind != "dress")]
    bottoms = [kind for kind in BOTTOMS if kind != spec.bottom and (skirted or kind != "skirt")]
    colours = [one for one in GARMENT_COLOURS if one not in (spec.top_colour, spec.bottom_colour, spec.fur)]
    rng.shuffle(colours)
    found = []
    for number in range(count):
        top = tops[number % len(tops)]
        bottom = None if top == "dress" else bottoms[number // 2 % len(bottoms)]
        found.append(
            replace(
                spec,
                top=top,
                top_colour=colours[number % len(colours)],
                bottom=bottom,
                bottom_colour=bottom and colours[(number + 4) % len(colours)],
                emblem=None,
                accessory="none",
                accessory_colour=None,
                shoes=rng.choice(SHOES),
                jitter=number,
            )
        )
    return found


def times(scales: Any, factor: float) -> Any:
    """Block scales, as OutfitUse takes them, all of them multiplied."""
    if isinstance(scales, Mapping):
        return {name: times(part, factor) for name, part in scales.items()}
    if isinstance(scales, Sequence):
        return [times(part, factor) for part in scales]
    return round(scales * factor, 4)


def tables(bench: Bench, cases: Sequence[Case]) -> np.ndarray:
    """MEASURES of cases as sums over each (subject, outfit): [pairs, measures, 2], sum and count."""
    found: dict[tuple[str, int | None], np.ndarray] = {}
    for case in cases:
        entry = found.setdefault((case.subject, case.number), np.zeros((len(MEASURES), 2)))
        drawn = bench.draw(case if case.way else replace(case, number=None))
        entry += measures(drawn, bench.worn(case), case, bench.judge)
    return np.stack(list(found.values()))


def measures(drawn: Drawn, worn: Spec, case: Case, judge: Judge) -> np.ndarray:
    """MEASURES of one picture, [measures, 2]: how much, and of how much. What the judge is not trusted in is left out.

    `worn` is the subject in the outfit, so that a picture without it tells what is right by chance.
    """
    reading = {name: Reading(word, 1.0) for name, word in drawn.words.items()}
    garments, right = list(garments_right(worn, reading).values()), obeys(worn, reading)
    own = [right[name] for name in BODY if name in right and name in judge.trusted]
    changed = [(0.0, 0) if np.isnan(value) else (value, 1) for value in (drawn.bleed, drawn.drift, drawn.flat)]
    return np.array(
        [
            (sum(garments), len(garments)),
            (all(garments), 1),
            (sum(own), len(own)),
            (drawn.words["scene"] == case.scene, 1),
            *changed,
        ],
        float,
    )


def score_outfit_methods(
    out: Path,
    folder: Path,
    family: str = "pocket",
    outfits: int = OUTFITS,
    subjects: int = len(CHOSEN),
    scenes: int = len(SCENES),
    factors: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Teach, draw, measure, compare; writes a section of RESULTS.md, JSON and a grid, and returns the figures.

    What is taught, drawn and read stays in `folder`, in one of its own for each state of the family's UNet. Fewer
    outfits, subjects, scenes and factors make a smaller run.
    """
    folder = folder / _state_of(find_family(families(), family))
    who, where = CHOSEN[:subjects], SCENES[:scenes]
    strengths = {way: tuple(factors or FACTORS[way]) for way in WAYS}
    with studio.open(folder / "library", family, resume=False) as desk:
        bench = Bench(desk, folder, Judge.load())

        def cases(**settings: Any) -> list[Case]:
            return [
                Case(name, scene, number, **settings) for name in who for scene in where for number in range(outfits)
            ]

        for number, case in enumerate(cases()):  # all of one character's in turn: its bare picture is still at hand
            for way, several in strengths.items():
                for factor in several:
                    bench.draw(replace(case, way=way, factor=factor))
            print(f"{case.subject}, {case.scene}: outfit {number + 1} of {len(who) * len(where) * outfits}", flush=True)
        bare, other = tables(bench, cases()), tables(bench, cases(seed=OTHER_SEED))
        ways = {
            way: {0.0: bare, **{factor: tables(bench, cases(way=way, factor=factor)) for factor in several}}
            for way, several in strengths.items()
        }
        figures = {
            "subjects": who,
            "scenes": where,
            "outfits": outfits,
            "ours": OURS,
            **as_figures(ways),
            "another seed": dict(zip(MEASURES, means(other).tolist(), strict=True)),
        }
        sheet = _sheet(bench, figures, who, where, outfits)
    publish("outfit-methods", as_markdown(figures), figures, out, sheet)
    return figures


def _state_of(family: ModelFamily) -> str:
    """A name that tells the family's UNet from any other: nothing taught to one or drawn by it counts for another."""
    files = sorted(Path(family.weights).glob("unet/*.safetensors"))
    return "-".join([family.name, *(sha256_of(file)[:12] for file in files)])


def _shown_factor(figures: Mapping[str, Any], way: str) -> float:
    """The factor at equal fidelity; where a way does not come to it, or nothing arrives there, its best."""
    equal = figures["equal"][way]
    return round(equal["factor"][0], 2) if equal and equal["factor"][0] else _best(figures, way)["factor"]


def _best(figures: Mapping[str, Any], way: str) -> dict[str, float]:
    """The drawn point with the most garments right."""
    return max(figures["curves"][way][1:], key=lambda point: point["fidelity"])


def _sheet(
    bench: Bench, figures: Mapping[str, Any], who: Sequence[str], where: Sequence[str], outfits: int
) -> Image.Image:
    """One character: a photo and the outfits' pictures, then the bare picture and the outfits in every way."""
    name = "mohawk girl" if "mohawk girl" in who else who[0]
    cases = [Case(name, where[0], number) for number in range(min(outfits, 8))]
    cells = [(photos_of(SUBJECTS[name])[0], f"{name}, as photographed")]
    cells += [(bench.reference(case), _called(bench.worn(case))) for case in cases]
    for way in WAYS:
        factor = _shown_factor(figures, way)
        cells.append((bench.picture(bare_of(cases[0])), f"{way}, factor {factor:g}; without an outfit"))
        cells += [(bench.picture(replace(case, way=way, factor=factor)), "") for case in cases]
    return captioned_sheet([picture for picture, _ in cells], [text for _, text in cells], columns=1 + len(cases))


def _called(spec: Spec) -> str:
    bottom = f" and {spec.bottom_colour} {spec.bottom}" if spec.bottom else ""
    return f"{spec.top_colour} {spec.top}{bottom}"


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The section for RESULTS.md."""
    points = [[way, *_cells(point)] for way, points in figures["curves"].items() for point in points if point["factor"]]
    bare = next(iter(figures["curves"].values()))[0]
    points += [
        ["no outfit", *_cells(bare)],
        ["no outfit, another seed", *_cells({"factor": 0.0, **figures["another seed"]})],
    ]
    header = ["way", "factor", "garments right", "whole outfit", "identity", "scene", "bleed", "drift", "flat colours"]
    return "\n\n".join(
        (
            "### What an outfit does to the rest of the picture",
            f"{len(figures['subjects'])} taught characters, {figures['outfits']} outfits each, in neither kind nor colour "
            f"their own, {len(figures['scenes'])} places, one seed: drawn in each way at several factors, by which its "
            "block scales are multiplied. Garments, identity and scene are read by the judge. Bleed is the mean CIE76 "
            "difference of areas outside of clothing between a picture and the one of the same seed without an outfit; "
            "drift is the relative distance of Gram matrices of the judge's first features there, of lines and grain "
            "alone; flat colours is by how much the share of pixels in the world's own colours drops there.",
            *(_beside(way, told, bare["fidelity"]) for way, told in figures["against"].items()),
            *(
                (
                    f"At {figures['level']:.0%} of garments right, the most that both ours and the reference's dict come to; a "
                    "way that does not come to it stands at its best:",
                    table(header, [[way, *_equal_cells(figures, way)] for way in WAYS]),
                )
                if figures["level"] > bare["fidelity"]
                else ()
            ),
            "Points at equal fidelity are linear between the drawn factors; 95% intervals in brackets, of pairs of "
            "character and outfit drawn again. Every point that was drawn:",
            table(header, points),
            "Without an outfit, what is right of garments is chance; another seed tells how far two pictures of the same "
            "prompt lie apart.",
            "![One character, in every way at equal fidelity](quality/grids/outfit-methods.png)",
            made_by("outfit-methods", "the grid"),
        )
    )


def _beside(way: str, told: Mapping[str, Any], chance: float) -> str:
    """Ours beside another way, in a line."""
    theirs, ours = told["theirs"], told["ours"]
    if theirs["fidelity"][0] <= chance:
        return f"- Against {way}: nothing of an outfit arrives by it, so there is no fidelity to compare at."
    harms = ", ".join(
        f"{name} {ours[name][0]:.3g} for {theirs[name][0]:.3g}"
        + (f", which is {_spread(ratio, '.2f')} times as much" if ratio else "")
        for name, ratio in told["ratios"].items()
    )
    return (
        f"- Against {way}, at equal fidelity of {theirs['fidelity'][0]:.0%}: {harms}, identity "
        f"{ours['identity'][0]:.0%} for {theirs['identity'][0]:.0%}."
    )


def _cells(point: Mapping[str, float]) -> list[str]:
    return [
        f"{point['factor']:.2f}",
        *(f"{point[name]:.1%}" for name in ("fidelity", "whole", "identity", "scene")),
        f"{point['bleed']:.2f}",
        f"{point['drift']:.3f}",
        f"{point['flat']:.1%}",
    ]


def _equal_cells(figures: Mapping[str, Any], way: str) -> list[str]:
    point = figures["equal"][way]
    if point is None:
        factor, *rest = _cells(_best(figures, way))
        return [f"{factor}, its best", *rest]
    formats = {"bleed": ".2f", "drift": ".3f"}
    return [
        f"{point['factor'][0]:.2f}",
        f"{point['fidelity'][0]:.1%}",
        *(_spread(point[name], formats.get(name, ".0%")) for name in MEASURES[1:]),
    ]


def _spread(values: Sequence[float], form: str) -> str:
    """ "0.24 [0.20, 0.29]" """
    value, low, high = (format(one, form) for one in values)
    return f"{value} [{low}, {high}]"
