import pytest

from studio.words.prompt_syntax import MOST_PROMPTS, plain, several, weighted, wildcards, words_of


@pytest.mark.parametrize(
    "prompt, parts",
    [
        ("a girl", [("a girl", 1.0)]),
        ("a (red:1.3) hat", [("a ", 1.0), ("red", 1.3), (" hat", 1.0)]),
        ("a (red) hat", [("a ", 1.0), ("red", 1.1), (" hat", 1.0)]),
        ("a ((red)) hat", [("a ", 1.0), ("red", 1.21), (" hat", 1.0)]),
        ("a [red] hat", [("a ", 1.0), ("red", 0.909), (" hat", 1.0)]),
        ("(a (red:2) hat:0.5)", [("a ", 0.5), ("red", 1.0), (" hat", 0.5)]),
        (r"mika \(young\)", [("mika (young)", 1.0)]),
        ("at 10:30 :)", [("at 10:30 :)", 1.0)]),
        ("a (red hat", [("a ", 1.0), ("red hat", 1.1)]),
        ("", [("", 1.0)]),
    ],
)
def test_weights_are_read_as_others_write_them(prompt, parts):
    (found,) = weighted(prompt)
    assert [text for text, _ in found] == [text for text, _ in parts]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in parts], abs=1e-3)


def test_a_break_ends_a_part():
    assert weighted("a girl BREAK (a cat:1.2)") == [[("a girl", 1.0)], [("a cat", 1.2)]]
    assert weighted("a BREAKFAST") == [[("a BREAKFAST", 1.0)]]


def test_a_prompt_that_weighs_nothing_stands_as_it_is():
    assert plain("a girl, on the beach") == "a girl, on the beach" and plain(r"\(a\)") == "(a)"
    assert plain("a (girl)") is plain("a BREAK b") is None
    assert words_of("a (red:1.3) hat BREAK x") == "a red hat x"


def test_lines_and_choices_are_several_prompts():
    assert several("a girl") == ["a girl"]
    assert several("a girl\n\n  a cat ") == ["a girl", "a cat"]
    assert several("a {red|blue} hat, {sad|glad}") == [
        "a red hat, sad",
        "a red hat, glad",
        "a blue hat, sad",
        "a blue hat, glad",
    ]
    assert set(several("{a {b|c}|d} e")) == {"a b e", "a c e", "d e"}
    assert several("a {plain} thing") == ["a {plain} thing"]
    assert len(several("{a|b}" * 6)) == MOST_PROMPTS
    for many in ("{a|b}" * 7, "{a|b}" * 300, "x\n" * (MOST_PROMPTS + 1)):
        with pytest.raises(ValueError, match="at most 64"):
            several(many)


def test_wildcards_are_found():
    assert wildcards("a girl with __hair__ in a __wear/tops__, a_b __ c") == ["__hair__", "__wear/tops__"]
