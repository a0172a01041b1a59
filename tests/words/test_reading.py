import pytest

from studio.library.family_files import built_in
from studio.words.identifiers import vocabulary_of
from studio.words.reading import caption_note, prompt_note

FAMILIES = built_in()
LONG = "a cartoon of a girl " + "with a red hat and a blue jacket, " * 12


def vocabulary(name):
    family = FAMILIES[name]
    return vocabulary_of(family.weights, family.words(), family.config)


@pytest.mark.parametrize("name, room", [("pocket", 46), ("sdxl", 75), ("sd15", 75)])
def test_the_length_of_a_text_is_the_text_encoder_s(name, room):
    known = vocabulary(name)
    assert known.room == room
    fits = " ".join(["red"] * room)
    assert known.beyond(fits) == caption_note(fits, known) == prompt_note(fits, known) == ""
    assert known.beyond(f"{fits} sks girl") == "sks girl"
    assert "not 'sks girl'" in caption_note(f"{fits} sks girl", known)
    assert f"{room + 2} tokens it is read in 2 parts" in prompt_note(f"{fits} sks girl", known)


def test_a_long_end_of_a_caption_is_shown_short():
    said = caption_note(LONG, vocabulary("pocket"))
    assert said.startswith("Too long: 46 tokens are learnt from") and said.endswith("...'.") and len(said) < 140


def test_a_prompt_tells_what_is_not_read_as_words():
    known = vocabulary("pocket")
    assert prompt_note("a (girl:1.2), on the [beach]", known) == ""
    assert "__hair__, __hats__ are not read" in prompt_note("a girl with __hair__ in __hats__", known)
    assert "__hair__ is not read" in prompt_note("__hair__", None)
    assert "2 prompts" in prompt_note("a {red|blue} hat", known) and "2 prompts" in prompt_note("a girl\na cat", known)
    assert "on Draw alone" in prompt_note("a {red|blue} hat", known, choices=False)
    assert "at most 64" in prompt_note("{a|b}" * 9, known)
    assert "tokens" not in prompt_note(LONG[:100] + "\n" + LONG[:100], known)


def test_without_a_tokenizer_nothing_is_said_of_lengths():
    assert prompt_note(LONG, None) == caption_note(LONG, None) == ""
