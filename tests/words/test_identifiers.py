"""Identifier tokens: rare ones proposed with a reason, ordinary words warned about."""

import json
from pathlib import Path
from string import ascii_lowercase

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from studio.library.family_files import built_in
from studio.words.identifiers import BAD, FAIR, GOOD, WELL_KNOWN, check, from_name, propose, vocabulary_of

POCKET, SDXL, SD15 = (built_in()[name] for name in ("pocket", "sdxl", "sd15"))

WORDS = "girl boy beach red the jacket photo sky art smiling".split()
RARE = "sks ohwx zwx xjy vrk qzv hjk wvn pqx njlb ivq uqz".split()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A family's folder whose tokenizer holds a few words and a few rare tokens, as the pocket family's does."""
    folder = tmp_path_factory.mktemp("family")
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(
        [*WORDS, *RARE],
        trainers.BpeTrainer(
            min_frequency=1,
            end_of_word_suffix="</w>",
            show_progress=False,
            initial_alphabet=list(ascii_lowercase),
        ),
    )
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
    return str(folder)


@pytest.fixture(scope="module")
def small(weights):
    return vocabulary_of(weights, {"nouns": ["girl", "boy"], "places": ["on the beach"], "tops": ["jacket"]})


@pytest.fixture(scope="module")
def clip():
    return vocabulary_of(SDXL.weights, {}, SDXL.config)


def test_proposals_are_single_rare_tokens_nobody_has_taken(small):
    found = propose(small, taken=["SKS"], count=8)
    assert len(found) == 8 and {one.token for one in found} <= set(RARE) - {"sks"}
    assert all(len(small.tokens(one.token)) == 1 and check(one.token, small).level == GOOD for one in found)
    assert all("no caption uses it" in one.reason for one in found)


def test_the_pocket_family_has_rare_tokens_of_its_own():
    pocket = vocabulary_of(POCKET.weights, POCKET.words())
    found = propose(pocket, count=40)
    assert found[0].token == "sks" and len(found) == 40
    assert all(check(one.token, pocket).level == GOOD for one in found)
    assert {check(word, pocket).level for word in ("girl", "beach", "red", "the", "Jacket", "photo")} == {BAD}


@pytest.mark.parametrize("word", ["girl", "beach", "red", "the", "Jacket"])
def test_words_the_family_knows_are_bad(small, word):
    assert check(word, small).level == BAD and "ordinary" in check(word, small).reason


@pytest.mark.parametrize("word", ["photo", "sky", "art", "smiling"])
def test_words_that_a_small_vocabulary_holds_are_bad_though_nobody_lists_them(small, word):
    assert check(word, small).level == BAD and "ordinary" in check(word, small).reason


@pytest.mark.parametrize(
    ("identifier", "says"),
    [
        ("", "Choose"),
        ("two words", "plain letters"),
        ("имя", "plain letters"),
        ("<b>", "plain letters"),
        ("qwertyuiopasdfgh", "tokens"),
        ("x" * 100_000, "tokens"),
    ],
)
def test_what_cannot_learn_well_says_why(small, identifier, says):
    verdict = check(identifier, small)
    assert verdict.level == BAD and says in verdict.reason


def test_a_token_of_another_subject_is_warned_about(small):
    assert check("sks", small, taken=["SKS"]).level == FAIR
    assert check("girl", small, taken=["girl"]).level == BAD, "the worse fault is told"


@pytest.mark.parametrize(
    ("word", "level", "says"),
    [
        ("sks", GOOD, "rare"),
        ("ohwx", GOOD, "rare"),
        ("dog", BAD, "ordinary"),
        ("Hollywood", BAD, "ordinary"),
        ("corgi", FAIR, "reads like a word"),
        ("xjy", FAIR, "3 tokens"),
        ("xjyqkvwzp", BAD, "tokens"),
    ],
)
def test_in_the_large_vocabulary_of_clip_the_rank_of_a_token_tells(clip, word, level, says):
    verdict = check(word, clip)
    assert verdict.level == level and says in verdict.reason


def test_what_clip_is_offered_means_nothing_to_it(clip):
    found = [one.token for one in propose(clip, count=40)]
    assert found[: len(WELL_KNOWN)] == list(WELL_KNOWN) and len(set(found)) == 40
    assert all(check(token, clip).level == GOOD for token in found)


def test_a_name_becomes_a_rare_token_by_moving_its_letters(small):
    made = from_name("Mika", small)
    assert made.token == "njlb", "the one shift that is a single rare token here"
    assert "mika" in made.reason and "moved 1 " in made.reason
    assert from_name("Mika", small, taken=["njlb"]).token != "njlb"
    with pytest.raises(ValueError, match="no Latin letters"):
        from_name("名前", small)


@pytest.mark.parametrize("name", ["Mika", "Bo", "Zoë", "Jean-Luc", "Q"])
def test_names_of_any_kind_become_usable_identifiers(small, clip, name):
    for vocabulary in (small, clip, None):
        made = from_name(name, vocabulary)
        assert 3 <= len(made.token) <= 4 and check(made.token, vocabulary).level in (GOOD, FAIR)


def test_a_family_that_is_not_on_this_disk_offers_the_well_known_ones():
    vocabulary = vocabulary_of(SDXL.weights, {})
    assert vocabulary is None
    assert propose(vocabulary, taken=["sks"])[0].token == WELL_KNOWN[1]
    assert check("sks", vocabulary).level == GOOD and check("mika", vocabulary).level == FAIR


def test_a_damaged_tokenizer_is_passed_over_with_a_warning(tmp_path, caplog):
    (tmp_path / "tokenizer").mkdir()
    assert vocabulary_of(str(tmp_path), {}) is None
    (tmp_path / "tokenizer" / "tokenizer.json").write_text("{ not json")
    assert vocabulary_of(str(tmp_path), {}) is None
    assert "cannot be read" in caplog.text


def test_a_vocabulary_with_merges_in_a_file_of_their_own_reads_the_same(small, weights, tmp_path):
    model = json.loads(Path(weights, "tokenizer", "tokenizer.json").read_text())["model"]
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(merge) for merge in model["merges"]]
    (tmp_path / "tokenizer" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    other = vocabulary_of(str(tmp_path), {})
    assert all(other.tokens(word) == small.tokens(word) for word in [*WORDS, *RARE, "Mika"])


@pytest.mark.parametrize("layout", [SDXL, SD15])
def test_a_published_configuration_that_only_pads_reads_with_the_vocabulary_of_clip(layout, tmp_path):
    vocabulary = vocabulary_of(str(tmp_path / "checkpoint.safetensors"), {}, layout.config)
    assert vocabulary.tokens("sks dog") == [48136, 1929]
