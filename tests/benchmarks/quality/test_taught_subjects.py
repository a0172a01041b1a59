"""Characters that are taught: where they are photographed and drawn, and when they count as themselves."""

import random

from benchmarks.quality import taught_subjects
from pocketworld.judge import Judge
from pocketworld.render import render
from pocketworld.world import SUBJECTS, portray


def test_photos_of_a_subject_are_taken_elsewhere_than_it_is_drawn():
    photos = taught_subjects.take_photos(SUBJECTS["fox"])
    assert not {photo.scene for photo in photos} & set(taught_subjects.DRAWN_SCENES)
    assert taught_subjects.prompt(SUBJECTS["fox"], "snow") == "a cartoon of a sks fox, in the snow"


def test_renders_of_a_subject_count_as_the_subject():
    rng, fox = random.Random(1), SUBJECTS["fox"]
    rows = [
        [render(portray(fox, rng, scene=scene, framing="full figure"), 128, truth=False).image for _ in range(2)]
        for scene in taught_subjects.DRAWN_SCENES
    ]
    right, scenes = taught_subjects.read_identity(Judge.load(), fox, rows)
    assert scenes[0] >= 9 and {"noun", "fur"} <= right.keys()
    assert sum(pair[0] for pair in right.values()) >= 0.95 * sum(pair[1] for pair in right.values())
