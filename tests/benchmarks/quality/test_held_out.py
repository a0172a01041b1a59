"""Which captions and outfits count as held out, and what is read of an outfit."""

import random

from benchmarks.quality.held_out import garments_right, held_out_outfits, held_out_specs
from benchmarks.quality.outfits import prompt
from pocketworld.attributes import OUTFIT_ATTRIBUTES
from pocketworld.judge import Judge, Reading
from pocketworld.vocabulary import BOTTOMS, TOPS
from pocketworld.world import Spec, is_held_out, sample, wears_held_out

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="blue",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    pose="standing",
    scene="beach",
)


def test_the_prompts_are_held_out_and_always_the_same():
    specs = held_out_specs(30)
    assert all(is_held_out(spec) for spec in specs) and specs == held_out_specs(30)


def test_the_outfits_are_held_out_and_all_different():
    specs = held_out_outfits(40)
    assert all(wears_held_out(spec) and spec.framing == "full figure" for spec in specs)
    assert len({tuple(getattr(spec, name) for name in OUTFIT_ATTRIBUTES) for spec in specs}) == 40
    assert specs == held_out_outfits(40) and all(spec.bottom for spec in specs)  # no dress is held out


def test_training_never_dresses_anybody_in_a_held_out_outfit():
    rng = random.Random(3)
    assert not any(wears_held_out(sample(rng)) for _ in range(300))


def test_prompts_never_name_a_garment():
    texts = [prompt(spec) for spec in held_out_outfits(40)]
    assert not [text for text in texts if any(word in text for word in (*TOPS, *BOTTOMS))]


def test_garments_are_right_where_the_judge_reads_their_words():
    reading = {
        name: Reading(word, 1.0)
        for name, word in (("top", "jacket"), ("top_colour", "red"), ("bottom", "pants"), ("bottom_colour", "black"))
    }
    others = {name: Reading("", 1.0) for name in Judge.load().accuracy if name not in reading}
    right = garments_right(GIRL, {**others, **reading})
    assert right == {"top": True, "top_colour": False, "bottom": True, "bottom_colour": True}
