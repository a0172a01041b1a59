"""Make assets/examples, the library a fresh studio opens on: rendered photos, and all else really drawn.

    python -m tools.sample_library [--output assets/examples] [--steps 200]

It holds Mika, whom the pocket family never saw in training, with photos, a trained LoRA and the run that made it; a
cup with photos only; class images; two outfits; five scenes; a gallery. Its recipes name the weights by hash, so run
it again whenever assets/pocket changes (tests/test_examples.py says so).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import studio
from pocketworld.captions import PLACES, POSE_WORDS
from pocketworld.render import outfit, render
from pocketworld.world import SUBJECTS, Spec, portray

SEED = 20
PHOTO_SIZE = 256
OUTFITS = {
    "Red coat": Spec(noun="girl", top="jacket", top_colour="red", bottom="pants", bottom_colour="black", shoes="black"),
    "Sunday dress": Spec(noun="girl", top="dress", top_colour="yellow", shoes="white"),
}


@dataclass(frozen=True)
class Subject:
    """Somebody or something of the drawn world, and where each of its photos is taken."""

    name: str
    character: str  # a key of pocketworld's SUBJECTS
    class_noun: str
    identifier: str
    scenes: tuple[str, ...]


MIKA = Subject("Mika", "mohawk girl", "girl", "sks", ("plain", "park", "plain", "kitchen", "snow"))
CUP = Subject("Heart cup", "heart cup", "cup", "ohwx", ("plain", "kitchen", "plain", "park"))
POSES = ("standing", "waving", "hands on hips", "standing", "walking")
GROUNDS = ("white", "grey", "yellow", "grey", "white")
EXPRESSIONS = ("smiling", "smiling", "angry", "surprised", "sad")

WITH_MIKA = (
    "a cartoon of sks girl, smiling, on the beach",
    "a cartoon of sks girl, waving, in the forest",
    "a cartoon of sks girl, angry, on a street at night",
    "a cartoon of sks girl, surprised, in the kitchen",
    "a cartoon of sks girl with arms raised, in the snow",
    "a cartoon of sks girl, walking, in the desert",
    "a cartoon of sks girl, smiling, in the park",
    "a portrait of sks girl, smiling, on a plain yellow background",
)
WITHOUT = (
    "a cartoon of a girl with long red hair in a blue jacket and black pants, smiling, on the beach",
    "a cartoon of a grey cat in a red sweater and blue pants, waving, in the snow",
    "a cartoon of a yellow robot in a green hoodie and black pants, on a street at night",
    "a cartoon of a woman with black hair in a purple dress, smiling, in the park",
)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.sample_library", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("assets/examples"))
    parser.add_argument("--steps", type=int, default=None, help="of the training; the family's own by default")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "library"
        with studio.open(root, family="pocket") as desk:
            fill(desk, given.steps)
        lighten(root)
        shutil.rmtree(given.output, ignore_errors=True)
        shutil.copytree(root, given.output)
    size = sum(file.stat().st_size for file in given.output.rglob("*") if file.is_file())
    print(f"{given.output}: {size / 1e6:.1f} MB")


def fill(desk: studio.Studio, steps: int | None) -> None:
    """Subjects, outfits, the LoRA and the gallery, through the same door as everyone."""
    mika = add_subject(desk, MIKA)
    add_subject(desk, CUP)
    for name, worn in OUTFITS.items():
        desk.library.add_outfit(name, outfit(worn, size=PHOTO_SIZE))
    lora = desk.start(studio.TrainRequest(subject=mika.slug, steps=steps, seed=SEED)).result()
    for number, prompt in enumerate(reversed(WITHOUT)):
        draw(desk, prompt, SEED + number)
    for number, prompt in enumerate(reversed(WITH_MIKA)):
        picture = draw(desk, prompt, SEED + number, lora.slug)
    desk.library.favourite(picture.id)


def add_subject(desk: studio.Studio, subject: Subject) -> studio.Subject:
    rng = random.Random(SEED)
    added = desk.library.add_subject(subject.name, subject.class_noun, subject.identifier)
    for number, scene in enumerate(subject.scenes):
        spec = posed(SUBJECTS[subject.character], rng, number, scene)
        (photo,) = desk.library.add_photos(added.slug, [render(spec, PHOTO_SIZE, truth=False).image]).kept
        desk.library.edit_photo(added.slug, photo.file, caption=caption(added.trigger, spec))
    return added


def posed(character: Spec, rng: random.Random, number: int, scene: str) -> Spec:
    """The character at the scene, as photo `number` of it; an object just stands there."""
    acting = {"pose": POSES[number], "expression": EXPRESSIONS[number]} if character.noun else {}
    ground = {"ground_colour": GROUNDS[number]} if scene == "plain" else {}
    return replace(portray(character, rng, scene=scene, **ground), framing="full figure", **acting)


def caption(trigger: str, spec: Spec) -> str:
    """What is in the photo besides the subject's own looks, which the trigger is to learn."""
    place = PLACES[spec.scene][0] if spec.scene in PLACES else f"on a plain {spec.ground_colour} background"
    acting = (spec.expression, spec.pose and POSE_WORDS.get(spec.pose, spec.pose))
    return ", ".join(part for part in (f"a cartoon of {trigger}", *acting, place) if part)


def draw(desk: studio.Studio, prompt: str, seed: int, lora: str | None = None) -> studio.Picture:
    (picture,) = desk.start(studio.DrawRequest(prompt=prompt, lora=lora, seed=seed)).result()
    return picture


def lighten(root: Path) -> None:
    """Leave out what a copy does not need: checkpoints of the ended run, locks and rubbish. Class images stay: a first
    training need not draw them."""
    for folder in (*root.glob("runs/*/checkpoints"), root / "trash"):
        shutil.rmtree(folder, ignore_errors=True)
    (root / ".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
