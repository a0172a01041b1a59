"""Characters that training never saw: the photos that teach one, the prompts that draw it, whether it is still itself."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image

import studio
from pocketworld.attributes import visible
from pocketworld.captions import PLACES, article
from pocketworld.judge import Judge, obeys
from pocketworld.render import render
from pocketworld.world import Spec, portray

IDENTITY = (
    "noun",
    "fur",
    "hair",
    "hair_colour",
    "top",
    "top_colour",
    "bottom",
    "bottom_colour",
    "emblem",
    "accessory",
)
BODY = ("noun", "fur", "hair", "hair_colour")  # what is the subject's own, whatever it wears
DRAWN_SCENES = ("beach", "forest", "street at night", "kitchen", "snow")
PHOTO_SCENES = ("plain", "park", "desert")  # so that no drawn place was in a photo
PHOTOS, PHOTO_SIDE = 5, 256


def take_photos(subject: Spec, seed: int = 0) -> list[Spec]:
    """Five pictures' specs of the subject, full figure, in places where it is not drawn later."""
    rng = random.Random(seed)
    return [
        portray(subject, rng, scene=PHOTO_SCENES[i % len(PHOTO_SCENES)], framing="full figure") for i in range(PHOTOS)
    ]


def photos_of(subject: Spec, seed: int = 0) -> list[Image.Image]:
    """What the subject is taught from, RGB of as many pixels as Pocket draws."""
    return [render(photo, PHOTO_SIDE, truth=False).image for photo in take_photos(subject, seed)]


def add_subject(desk: studio.Studio, name: str, spec: Spec, photos: list[Image.Image]) -> studio.Subject:
    """The subject in the studio's library, called by the rare token "sks"."""
    return desk.library.add_subject(name.title(), class_noun=str(spec.noun), identifier="sks", photos=photos)


def prompt(subject: Spec, scene: str, identifier: str = "sks") -> str:
    return f"a cartoon of {article(f'{identifier} {subject.noun}')}, {PLACES[scene][0]}"


def draw(desk: studio.Studio, prompt: str, count: int, seed: int, lora: str | None = None) -> list[Image.Image]:
    """Pictures by the studio, at the family's usual settings."""
    drawn = desk.start(studio.DrawRequest(prompt=prompt, lora=lora, count=count, seed=seed)).result()
    return [picture.image for picture in drawn]


def read_identity(
    judge: Judge, subject: Spec, rows: list[list[Image.Image]], drawn: Sequence[str] = DRAWN_SCENES
) -> tuple[dict[str, tuple[int, int]], tuple[int, int]]:
    """Rows of pictures, one per drawn scene -> (right, of) by identity attribute, and of the scenes."""
    shown = visible(subject)
    wanted = [name for name in IDENTITY if shown.get(name, "none") != "none" and name in judge.trusted]
    identity: dict[str, tuple[int, int]] = dict.fromkeys(wanted, (0, 0))
    scenes: tuple[int, int] = (0, 0)
    for scene, row in zip(drawn, rows, strict=True):
        for reading in judge.read(row):
            right = obeys(subject, reading)
            for name in wanted:
                identity[name] = identity[name][0] + right[name], identity[name][1] + 1
            scenes = scenes[0] + (reading["scene"].word == scene), scenes[1] + 1
    return identity, scenes
