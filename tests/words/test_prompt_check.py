import pytest

from studio.words.prompt_check import note, noun_note

WORDS = {
    "nouns": ["girl", "cat", "rabbit"],
    "scenes": ["beach", "street at night"],
    "tops": ["t-shirt", "striped shirt"],
    "colours": ["red", "grey"],
    "hair": ["long", "black"],
    "expressions": ["smiling"],
}


@pytest.mark.parametrize(
    "prompt",
    [
        "a cartoon of a girl with long black hair in a red t-shirt, smiling, on the beach",
        "two cats, 3 rabbits and the girl's striped shirts",
        "sks girl, street at night",
        "SKS GIRL!",
        "",
    ],
)
def test_a_prompt_of_known_words_gets_no_note(prompt):
    assert note(prompt, WORDS, trigger="sks girl", family="Pocket") == ""


def test_an_unknown_word_is_named():
    said = note("a girl on a bicycle", WORDS, family="Pocket")
    assert said == "Pocket does not know 'bicycle'; it will draw the rest of the prompt."


def test_the_nearest_known_words_are_offered():
    said = note("a girl by the sea in a stripped shirt", WORDS, family="Pocket")
    assert said == "Pocket does not know 'sea' or 'stripped'; try 'beach' for 'sea', 'striped' for 'stripped'."


def test_a_synonym_is_offered_only_where_the_family_knows_it():
    assert "forest" not in note("a girl in the woods", WORDS)


def test_a_long_list_of_unknown_words_is_cut():
    said = note("dragon castle moon knight king queen", WORDS)
    assert "'dragon', 'castle', 'moon', 'knight' or 2 more words" in said


def test_a_family_of_the_open_world_gets_no_note():
    assert note("a dragon on a bicycle", {}) == ""


@pytest.mark.parametrize(
    "noun, nearest",
    [
        ("dog", "cat"),
        ("a young dragon", "cat"),
        ("hedgehog", "rabbit"),
        ("Knight", "man"),
        ("mug", "cup"),
        ("gril", None),
    ],
)
def test_a_noun_that_was_not_taught_is_told_with_the_nearest(noun, nearest):
    words = {"nouns": ["girl", "man", "cat", "rabbit"], "objects": ["cup"]}
    said = noun_note(noun, words, "Pocket")
    assert said.startswith(f"Pocket never saw '{noun}'")
    assert f"'{nearest}'" in said if nearest else "'girl'" in said


@pytest.mark.parametrize("noun", ["girl", " Cat", "old man", ""])
def test_a_noun_that_was_taught_needs_no_note(noun):
    assert not noun_note(noun, {"nouns": ["girl", "man", "cat"]}, "Pocket")


def test_a_family_of_the_open_world_knows_every_noun():
    assert not noun_note("dragon", {}, "SDXL")


def test_what_weighs_or_breaks_a_prompt_is_no_word_of_it():
    assert note(r"a (red:1.2) [cat] BREAK {grey|black} __hair__ on the beach \(red\)", WORDS) == ""
