"""The tokenizers and CLIP towers of the bundled family."""

import random
import shutil
from pathlib import Path

import pytest
import torch

from pocketworld import vocabulary
from pocketworld.captions import full_caption
from pocketworld.training.captioned import caption_corpus, make_pool, make_specs
from pocketworld.training.clip import Clip, Usual, apart, attribute_loss, draw_identifiers, with_unit_states
from pocketworld.training.tokenizers import CONTEXT, RARE_IDENTIFIERS, build, with_identifier
from pocketworld.world import CHARACTERS, SUBJECTS, portray, sample

POCKET = Path(__file__).parents[2] / "assets" / "pocket"


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    return build(caption_corpus(2000), tmp_path_factory.mktemp("tokenizers"))


def words():
    lists = (vocabulary.NOUNS, vocabulary.OBJECTS, vocabulary.UNSEEN_NOUNS, vocabulary.UNSEEN_HAIR)
    lists += (
        vocabulary.GARMENT_COLOURS,
        vocabulary.HAIR,
        vocabulary.EMBLEMS,
        vocabulary.BOTTOMS,
        vocabulary.EXPRESSIONS,
    )
    return [word for words in lists for word in words]


def test_every_word_of_the_world_is_one_token_even_those_held_out(tokenizers):
    for tokenizer in tokenizers:
        assert [word for word in words() if len(tokenizer(word).input_ids) != 3] == []


def test_there_are_many_identifiers_of_one_token_and_they_stand_last(tokenizers):
    first, _ = tokenizers
    ids = [first(identifier).input_ids for identifier in RARE_IDENTIFIERS]
    assert len(RARE_IDENTIFIERS) >= 60 and {len(row) for row in ids} == {3}
    assert min(row[1] for row in ids) > max(first(word).input_ids[1] for word in words())


def test_any_text_survives_a_round_trip(tokenizers):
    for text in ("a drawing of ünïcode ☃ in tōkyō", "zzyzx qwerty", "12 cats!"):
        ids = tokenizers[0](text).input_ids
        decoded = tokenizers[0].decode(ids, skip_special_tokens=True)
        assert decoded.replace(" ", "") == text.replace(" ", "")


def test_the_second_tokenizer_pads_as_sdxl_does(tokenizers):
    first, second = tokenizers
    assert (second.pad_token, second.pad_token_id) == ("!", 0) and first.pad_token_id == first.eos_token_id
    ids = [tokenizer("a girl", padding="max_length").input_ids for tokenizer in tokenizers]
    assert [len(row) for row in ids] == [CONTEXT, CONTEXT] and ids[0][:4] == ids[1][:4] and set(ids[1][4:]) == {0}


def test_the_longest_captions_fit(tokenizers):
    rng = random.Random(0)
    specs = [sample(rng, held_out=i % 2 == 0) for i in range(500)]
    specs += [portray(subject, rng) for subject in SUBJECTS.values()]
    assert max(len(tokenizers[0](full_caption(spec)).input_ids) for spec in specs) <= CONTEXT


def test_an_identifier_goes_before_the_noun():
    words = with_identifier("a cartoon of a sad girl, walking", ["girl"], random.Random(0)).split()
    assert words[5] in RARE_IDENTIFIERS and words[6] == "girl,"
    assert with_identifier("a red cup", ["girl"], random.Random(0)) == "a red cup"


def test_both_towers_learn_from_the_attribute_losses(tokenizers):
    pool = make_pool(make_specs(8, seed=3), tokenizers[0], seed=3)
    torch.manual_seed(0)
    model = Clip(tokenizers[0])
    embeddings, states = model.embed_text(torch.from_numpy(pool.tokens[:, 0]))
    assert [tuple(part.shape) for part in embeddings] == [(8, 128), (8, 128)]
    assert [part.shape[-1] for part in states] == [64, 128]
    tokens = torch.from_numpy(pool.tokens[:, 0])
    logits = model.read_states[2](torch.cat(states, -1), model.hidden(tokens)) + model.read_text[0](embeddings[0])
    attribute_loss(logits, torch.from_numpy(pool.labels)).backward()
    assert model.read_states[2].heads.grad.abs().sum() > 0 and model.read_text[0].weight.grad.abs().sum() > 0


def test_a_reader_does_not_look_at_a_name_that_is_hidden(tokenizers):
    torch.manual_seed(0)
    model = Clip(tokenizers[0])
    name = next(iter(CHARACTERS))
    tokens = tokenizers[0]([f"a {name} girl", "a girl"], padding="max_length", return_tensors="pt").input_ids
    hidden = model.hidden(tokens, share=1.0)
    assert hidden.sum(1).tolist() == [1, 0] and hidden[0, 2]
    states, changed = torch.randn(2, 2, 48, 192)
    changed[~hidden] = states[~hidden]
    reader = model.read_states[2]
    with torch.no_grad():
        reader.heads.normal_()
        assert torch.equal(reader(states, hidden), reader(changed, hidden))
        assert not torch.equal(reader(states, hidden & False), reader(changed, hidden & False))


def test_towers_that_go_on_say_the_same_of_what_they_knew(tokenizers, tmp_path):
    usual = tmp_path / "usual"
    for part in ("text_encoder", "text_encoder_2", "image_encoder", "tokenizer"):
        shutil.copytree(POCKET / part, usual / part)
    torch.manual_seed(0)
    model, before = Clip(tokenizers[0]).eval(), Usual(usual, tokenizers[0])
    before.lay_into(model)
    rows = ["a cartoon of a girl in a red jacket", f"a {next(iter(CHARACTERS))} girl"]
    tokens = tokenizers[0](rows, padding="max_length", max_length=CONTEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        states = model.embed_text(tokens)[1]
    plain, known = before.states(tokens, model.end, model.end_padding)
    assert plain.tolist() == [True, False]  # a name is new to them
    assert all(torch.allclose(now[plain], old, atol=1e-4) for now, old in zip(states, known, strict=True))
    assert not any(parameter.requires_grad for parameter in model.vision.parameters())


def test_identifiers_that_nobody_explained_come_to_be_like_names(tokenizers):
    torch.manual_seed(0)
    model = Clip(tokenizers[0])
    embedding = model.text.get_input_embeddings().weight
    with torch.no_grad():
        embedding[model.names] += 3
    draw_identifiers(model, tokenizers[0])
    rare = [tokenizers[0](word).input_ids[1] for word in RARE_IDENTIFIERS]
    assert embedding[rare].mean().item() == pytest.approx(embedding[model.names].mean().item(), abs=0.1)
    assert apart(model, tokenizers[0])["identifiers_apart"] > 0


def test_scaling_the_states_to_one_leaves_the_embeddings_alone(tokenizers):
    pool = make_pool(make_specs(8, seed=3), tokenizers[0], seed=3)
    torch.manual_seed(0)
    tower, tokens = Clip(tokenizers[0]).text_2, torch.from_numpy(pool.tokens[:, 0])
    for name, parameter in tower.named_parameters():
        if "embedding" in name or "fc2" in name:
            parameter.data *= 50  # towards what training makes of them
    with torch.no_grad():
        before, after = (t(tokens, output_hidden_states=True) for t in (tower, with_unit_states(tower, tokens)))
    assert after.hidden_states[-2].std() == pytest.approx(1, abs=1e-3)
    assert torch.allclose(before.text_embeds, after.text_embeds, rtol=1e-2, atol=1e-2)
