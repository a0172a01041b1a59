"""Prompts with weights, and longer than a text encoder takes: nothing of them is lost, and others stay as they were."""

import numpy as np
import pytest
import torch

from studio.engine.models.driver import Words
from studio.engine.models.prompt_chunks import chunks_of, room
from tests.engine.conftest import POCKET

LONG = (
    "a cartoon of a girl with long red hair in a blue jacket and grey pants and a yellow hat and a green scarf, smiling, "
    "arms raised, holding a red umbrella, with a brown backpack, on the beach, near a white cat, beside a cup and a teapot "
    "and a lamp, with a robot, a rabbit, a boy and a man in the background, in the snow, at night, in the rain"
)


def encoded(pipelines, family, prompt, negative=None, guided=True):
    with pipelines.lend(family) as pipeline:
        return pipelines.encode(pipeline, Words(prompt, negative, guided, weighted=True))


@pytest.fixture(params=["pocket", "sdxl", "sd15"])
def known(request, toys):
    return POCKET if request.param == "pocket" else toys(request.param)[0]


@pytest.mark.parametrize("negative", [None, "a sad cat"])
def test_a_plain_prompt_that_fits_is_encoded_as_the_pipeline_does(known, pipelines, negative):
    with pipelines.lend(known) as pipeline, torch.no_grad():
        driver = pipelines.driver(pipeline)
        for prompt, written in (("a girl, in the park", "a girl, in the park"), ("a girl (sad)", r"a girl \(sad\)")):
            own = driver.encode(pipeline, Words(prompt, negative, True))
            read = driver.encode(pipeline, Words(written, negative, True, weighted=True))
            assert own.keys() == read.keys() and all(torch.equal(own[name], read[name]) for name in own)


def test_chunks_of_one_are_what_the_pipeline_encodes(known, pipelines):
    """A BREAK after the whole prompt reads it by this module, and gives the same numbers."""
    with pipelines.lend(known) as pipeline, torch.no_grad():
        driver, tokens = pipelines.driver(pipeline), pipeline.tokenizer.model_max_length
        own = driver.encode(pipeline, Words("a girl", "a cat", True))
        read = driver.encode(pipeline, Words("a girl BREAK a dog", "a cat", True, weighted=True))
    for name, tensor in own.items():
        assert torch.allclose(read[name][:, :tokens] if tensor.ndim == 3 else read[name], tensor, atol=1e-5)


def test_a_long_prompt_is_read_to_its_end(known, pipelines):
    first, last = (encoded(pipelines, known, f"{LONG}, {end}") for end in ("sks girl", "ivq robot"))
    tokens = first["prompt_embeds"].shape[1]
    with pipelines.lend(known) as pipeline:
        length = pipeline.tokenizer.model_max_length
    assert tokens % length == 0 and tokens >= 2 * length and first["negative_prompt_embeds"].shape[1] == tokens
    assert not torch.allclose(first["prompt_embeds"], last["prompt_embeds"])
    assert torch.equal(first["prompt_embeds"][:, :length], last["prompt_embeds"][:, :length])
    against = encoded(pipelines, known, "a girl", LONG)
    assert against["prompt_embeds"].shape == against["negative_prompt_embeds"].shape


def test_a_chunk_ends_at_a_comma_and_loses_no_token(pipelines):
    with pipelines.lend(POCKET) as pipeline:
        tokenizer, chunks = pipeline.tokenizer, chunks_of(LONG, pipeline.tokenizer)
    whole = tokenizer(LONG, add_special_tokens=False, verbose=False).input_ids
    assert [id for chunk in chunks for id in chunk.ids] == whole
    assert all(len(chunk.ids) <= room(tokenizer) for chunk in chunks) and len(chunks) > 1
    assert all(tokenizer.decode([chunk.ids[-1]]).strip() == "," for chunk in chunks[:-1])
    assert [len(chunk.ids) for chunk in chunks_of("girl " * 100, tokenizer)] == [46, 46, 8]


def test_a_weight_counts_for_its_words_alone(known, pipelines):
    plain, heavy = (
        encoded(pipelines, known, f"a girl in a {hat} hat")["prompt_embeds"] for hat in ("red", "(red:1.5)")
    )
    ratio = (heavy / plain)[0].median(-1).values
    assert ratio.argmax() == 5 and (ratio[5] / ratio[1]).item() == pytest.approx(1.5, abs=0.01)
    assert torch.allclose(ratio[6:], ratio[6].expand_as(ratio[6:]), rtol=1e-2)


def test_pictures_hear_a_trigger_at_the_end_and_weights(draws, family):
    first, last = (
        np.asarray(draws(prompt=f"{LONG}, {end}", family=family, seed=1)[0].image) for end in ("a cat", "a cup")
    )
    assert (first != last).any()
    light, heavy = (np.asarray(draws(prompt=f"a girl in a {hat} hat", seed=1)[0].image) for hat in ("red", "(red:1.5)"))
    assert (light != heavy).any()


def test_lines_and_choices_are_drawn_each_from_the_same_seeds(draws):
    pictures = draws(prompt="a {girl|cat}\na cup", count=2, seed=3)
    asked = [(one.recipe.request["prompt"], one.recipe.request["seed"]) for one in pictures]
    assert asked == [(prompt, seed) for prompt in ("a girl", "a cat", "a cup") for seed in (3, 4)]
    (alone,) = draws(prompt="a cat", seed=4)
    assert (np.asarray(alone.image) == np.asarray(pictures[3].image)).all()
