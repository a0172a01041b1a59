"""The judge that scores drawn pictures."""

import random
from dataclasses import replace

from pocketworld.attributes import ATTRIBUTES, UNSEEN, classes, visible
from pocketworld.judge import BUNDLED, PIXELS, Judge, obeys
from pocketworld.render import render
from pocketworld.training.classifier import accuracy, sample_anything
from pocketworld.world import SUBJECTS, has_unseen_words, portray

RNG = random.Random(4)


def test_what_a_picture_hides_is_not_asked_of_it():
    person = SUBJECTS["star boy"]
    seen = visible(replace(person, framing="full figure", expression="sad"))
    assert {"noun", "hair", "top", "bottom", "expression"} <= seen.keys()
    assert "bottom" not in visible(replace(person, framing="portrait"))
    assert not {"expression", "emblem"} & visible(replace(person, framing="from behind")).keys()


def test_class_numbers_say_the_same_as_the_words():
    for _ in range(50):
        spec = sample_anything(RNG)
        for (name, words), number in zip(ATTRIBUTES.items(), classes(spec), strict=True):
            assert (number == UNSEEN) == (name not in visible(spec))
            assert number == UNSEEN or words[number] == visible(spec)[name]


def test_the_judge_learns_the_words_that_the_family_never_sees():
    assert sum(has_unseen_words(sample_anything(RNG)) for _ in range(200)) > 20


def test_the_bundled_judge_is_small_and_reads_fresh_renders():
    read = accuracy(Judge.load(), count=300, seed=987)
    assert sum(read.values()) / len(read) >= 0.95
    assert (BUNDLED / "judge.safetensors").stat().st_size <= 6_000_000


def test_the_judge_reads_the_subjects_and_their_probabilities():
    specs = [portray(subject, RNG) for subject in SUBJECTS.values()]
    readings = Judge.load().read([render(spec, PIXELS, truth=False).image for spec in specs])
    right = [obeyed for spec, reading in zip(specs, readings, strict=True) for obeyed in obeys(spec, reading).values()]
    assert sum(right) / len(right) >= 0.95
    assert all(0 < reading.probability <= 1 for row in readings for reading in row.values())
