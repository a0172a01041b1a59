import pytest

from studio.words.triggers import calling, calls_somebody, has, note

OTHERS, PLAIN = ["ivq boy", "zvj hedgehog"], ["a girl", "a boy"]


@pytest.mark.parametrize(
    "prompt, after",
    [
        ("a cartoon of ivq boy, on the beach", "a cartoon of sks girl, on the beach"),
        ("ivq boy, zvj hedgehog, a cartoon of sks girl", "a cartoon of sks girl"),
        ("ivq boy and zvj hedgehog, waving", "sks girl, waving"),
        ("a cartoon of a boy in a hat, with a girl", "a cartoon of sks girl in a hat, with a girl"),
        ("IVQ Boy waving", "sks girl waving"),
        ("a cartoon of (ivq boy:1.2)", "a cartoon of (sks girl:1.2)"),
        ("a cowboy", "sks girl, a cowboy"),
        ("SKS girl, waving", "SKS girl, waving"),
    ],
)
def test_one_trigger_takes_the_place_of_others_and_twice_is_once(prompt, after):
    assert calling(prompt, "sks girl", OTHERS, PLAIN) == after
    assert calling(after, "sks girl", OTHERS, PLAIN) == after


def test_nobody_s_words_only_ever_replace_a_trigger():
    assert calling("a cartoon of ivq boy", "a girl", OTHERS, joins=False) == "a cartoon of a girl"
    assert calling("a girl and a girl", "a girl", OTHERS, joins=False) == "a girl and a girl"
    assert calling("a knight", "a girl", OTHERS, joins=False) == "a knight"


def test_what_calls_somebody_and_what_is_a_style_or_a_word():
    assert calls_somebody("sks girl") and calls_somebody("ivq cup") and calls_somebody("ohwx axolotl", ["axolotl"])
    assert not any(map(calls_somebody, ("", "girl", "pixel art", "sks style", "1girl")))


def test_a_note_names_a_missing_trigger_and_whose_is_there():
    both = {"sks girl": "Mika", "ivq boy": "Leo"}
    assert note("a cartoon of sks girl", {"sks girl": "Mika"}, both) == ""
    assert "'sks girl', the trigger of Mika" in note("a cartoon of a girl", {"sks girl": "Mika"}, both)
    assert note("ivq boy and sks girl", {"sks girl": "Mika"}, both) == "'ivq boy' calls Leo, who is not chosen."
    assert has("(sks girl:1.2)", "sks girl") and not has("sks girls", "sks girl")
