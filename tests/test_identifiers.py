"""Identifier tokens: rare ones proposed with a reason, ordinary words warned about."""

import pytest

from studio.families import POCKET, SDXL
from studio.identifiers import BAD, FAIR, GOOD, WELL_KNOWN, check, from_name, propose, vocabulary_of


@pytest.fixture(scope="module")
def pocket():
    return vocabulary_of(POCKET.weights, POCKET.words())


def test_proposals_are_single_rare_tokens_nobody_has_taken(pocket):
    found = propose(pocket, taken=["sks"], count=8)
    assert len(found) == 8 and "sks" not in {one.token for one in found}
    assert all(len(pocket.tokens(one.token)) == 1 and check(one.token, pocket).level == GOOD for one in found)
    assert all(one.reason for one in found)


@pytest.mark.parametrize("word", ["girl", "beach", "red", "the", "Jacket"])
def test_words_the_family_knows_are_bad(pocket, word):
    assert check(word, pocket).level == BAD and "ordinary" in check(word, pocket).reason


@pytest.mark.parametrize(("identifier", "says"), [
    ("", "Choose"), ("two words", "plain letters"), ("имя", "plain letters"), ("<b>", "plain letters"),
    ("qwertyuiopasdfgh", "tokens"),
])
def test_what_cannot_learn_well_says_why(pocket, identifier, says):
    verdict = check(identifier, pocket)
    assert verdict.level == BAD and says in verdict.reason


def test_a_token_of_another_subject_is_warned_about(pocket):
    assert check("sks", pocket, taken=["SKS"]).level == FAIR


def test_a_name_becomes_a_rare_token_by_moving_its_letters(pocket):
    made = from_name("Mika", pocket)
    assert check(made.token, pocket).level in (GOOD, FAIR) and made.token != "mika" and len(made.token) == 4
    moved = {(ord(b) - ord(a)) % 26 for a, b in zip("mika", made.token, strict=True)}
    assert len(moved) == 1, "every letter moves by the same number of places"
    with pytest.raises(ValueError, match="no Latin letters"):
        from_name("名前", pocket)


def test_a_family_that_is_not_on_this_disk_offers_the_well_known_ones():
    vocabulary = vocabulary_of(SDXL.weights, {})
    assert vocabulary is None
    assert propose(vocabulary, taken=["sks"])[0].token == WELL_KNOWN[1]
    assert check("sks", vocabulary).level == GOOD and check("mika", vocabulary).level == FAIR
