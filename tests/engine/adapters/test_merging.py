"""LoRAs together, and as one: what the pair draws, the one draws."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.contracts.events import LoraSaved
from studio.contracts.requests import MergeRequest
from studio.contracts.sampling import LoraUse
from studio.engine.adapters.lora import Applied, attached, fingerprint
from studio.engine.adapters.merging import merge, merge_loras, nearest
from studio.engine.models.weights import read_header

SMALL = {"class_images": 0, "steps": 3, "checkpoint_every": 3, "sample_every": 0}


@pytest.fixture
def two(toys, trains, library):
    """two(layout) -> the family and two LoRAs of it, of ranks 2 and 4, in all networks."""

    def made(layout):
        family, slugs = toys(layout)[0], []
        for number, rank in enumerate((2, 4)):
            events = trains(
                f"run {number}",
                family=family,
                seed=number,
                rank=rank,
                text_encoder_learning_rate=1e-2,
                learning_rate=5e-2,
                targets="everything" if number else "attention",
                **SMALL,
            )
            slugs += [event.slug for event in events if isinstance(event, LoraSaved)]
        return family, *map(library.lora, slugs)

    return made


def pixels(picture):
    return np.asarray(picture.image, float)


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_two_loras_draw_together_and_leave_nothing_behind(layout, two, draws, pipelines):
    family, first, second = two(layout)
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
    drawn = {
        name: pixels(draws("sks girl", family=family, lora=lora)[0])
        for name, lora in {
            "none": None,
            "first": first.slug,
            "second": second.slug,
            "both": [first.slug, second.slug],
            "turned round": [second.slug, first.slug],
            "one of them at 0": [LoraUse(first.slug), LoraUse(second.slug, 0.0, 0.0)],
        }.items()
    }
    assert np.array_equal(drawn["one of them at 0"], drawn["first"])
    assert np.abs(drawn["both"] - drawn["turned round"]).mean() < 0.5
    alone = [np.abs(drawn["both"] - drawn[name]).mean() for name in ("none", "first", "second")]
    assert min(alone) > 0.5, alone
    with pipelines.lend(family) as pipeline:
        assert fingerprint(pipeline) == before


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_what_two_are_merged_into_draws_what_they_draw(layout, two, draws, pipelines, library, tmp_path):
    family, first, second = two(layout)
    uses = [LoraUse(first.slug, 0.8, 0.5), LoraUse(second.slug, 0.6, 1.0)]
    drawn = {
        "pair": pixels(draws("sks girl", family=family, lora=uses)[0]),
        "none": pixels(draws("sks girl", family=family)[0]),
    }
    for rank, wide in ((None, 6), (1, 1)):
        file = tmp_path / f"{rank}.safetensors"
        told = merge(MergeRequest(uses, "Both", rank), (first, second), file, pipelines=pipelines, family=family)
        assert told == {"rank": wide, "alpha": float(wide), "trigger": "sks girl"}
        kept = library.save_lora(
            "Both", "", family.name, "sks girl", wide, float(wide), 0, lambda path, file=file: shutil.copy(file, path)
        )
        drawn[rank] = pixels(draws("sks girl", family=family, lora=kept.slug)[0])
    exact, poor = (np.abs(drawn[rank] - drawn["pair"]).mean() for rank in (None, 1))
    asked = {"pipelines": pipelines, "family": family, "library": library}
    events = list(merge_loras(MergeRequest(uses, "Both, kept"), **asked, stop=lambda: False))
    lora = library.lora(events[-1].slug)
    assert (lora.name, lora.rank, lora.trigger, lora.steps) == ("Both, kept", 6, "sks girl", 0)
    before = len(library.loras())
    assert not any(
        isinstance(one, LoraSaved) for one in merge_loras(MergeRequest(uses, "x"), **asked, stop=lambda: True)
    )
    assert len(library.loras()) == before, "nothing is kept of what was stopped"
    assert exact < 0.5 < np.abs(drawn["none"] - drawn["pair"]).mean()
    assert exact < poor


def test_a_rank_below_keeps_the_nearest_change(lora_file, pipelines, family, library, tmp_path):
    noise, header = torch.Generator().manual_seed(0), read_header(lora_file)["__metadata__"]
    parts = [load_file(lora_file)]
    parts.append({name: torch.randn(one.shape, generator=noise) * one.std() for name, one in parts[0].items()})
    loras = [
        library.save_lora(
            "One", "", "pocket", "sks girl", 2, 8.0, 4, lambda path, part=part: save_file(part, path, header)
        )
        for part in parts
    ]
    weight, far = float(header["alpha"]) / int(header["rank"]), []
    place = next(name for name in parts[0] if name.endswith("lora_A.weight"))[: -len("lora_A.weight")]
    whole = weight * sum(part[f"{place}lora_B.weight"] @ part[f"{place}lora_A.weight"] for part in parts)
    for rank in (None, 3, 1):
        file = tmp_path / f"{rank}.safetensors"
        merge(
            MergeRequest([lora.slug for lora in loras], "Both", rank), loras, file, pipelines=pipelines, family=family
        )
        merged = load_file(file)
        found = merged[f"{place}lora_B.weight"] @ merged[f"{place}lora_A.weight"]
        best = torch.linalg.svdvals(whole)[(rank or 4) :].square().sum().sqrt()
        assert torch.isclose((whole - found).norm(), best, atol=1e-4 * whole.norm())
        far.append((whole - found).norm().item())
    assert far == sorted(far)


def test_no_change_has_a_higher_rank_than_its_layer_is_wide():
    noise = torch.Generator().manual_seed(0)
    down, up = torch.randn(6, 4, generator=noise), torch.randn(5, 6, generator=noise)
    new_down, new_up = nearest((down, up), 5)
    assert len(new_down) == 4 and torch.allclose(new_up @ new_down, up @ down, atol=1e-4)


def test_texts_of_a_fine_tune_are_not_taken_for_the_family_s_own(toys, trains, library, draws):
    family = toys("sdxl")[0]
    events = trains("full", family=family, method="full", text_encoder_learning_rate=5e-2, learning_rate=1e-3, **SMALL)
    (tuned,) = [event.slug for event in events if isinstance(event, LoraSaved)]
    draws("a dog", family=family, lora=[LoraUse(tuned, 1.0, 0.0)])
    after = pixels(draws("a dog", family=family)[0])
    assert np.array_equal(after, pixels(draws("a dog", family=family, seed=7)[0]))
    whole, same = (
        pixels(draws("a cat", family=family, lora=[LoraUse(tuned, 1.0, weight)])[0]) for weight in (1.0, 0.0)
    )
    bare = pixels(draws("a cat", family=family)[0])
    assert np.array_equal(whole, same) and not np.array_equal(whole, bare)
    with_texts = draws("a bird", family=family)
    draws("a bird", family=family, lora=[LoraUse(tuned, 1.0, 0.0)])
    assert np.array_equal(pixels(with_texts[0]), pixels(draws("a bird", family=family)[0]))


def test_a_lora_draws_with_a_full_fine_tune_and_two_of_these_are_refused(
    toys, trains, library, draws, pipelines, tmp_path
):
    family = toys("sdxl")[0]
    slugs = []
    for number, method in enumerate(("full", "full", "LoRA")):
        events = trains(f"run {number}", family=family, method=method, seed=number, **SMALL)
        slugs += [event.slug for event in events if isinstance(event, LoraSaved)]
    one, two, lora = slugs
    full, both, base = (pixels(draws("sks girl", family=family, lora=used)[0]) for used in (one, [lora, one], None))
    assert not np.array_equal(full, both) and not np.array_equal(full, base)
    assert np.array_equal(pixels(draws("sks girl", family=family)[0]), base)
    with pytest.raises(ValueError, match="both full fine-tunes.*Train one of them as a LoRA"):
        draws("sks girl", family=family, lora=[one, two])
    with pytest.raises(ValueError, match="full fine-tune, not a LoRA"):
        merge(MergeRequest([one], "x"), [library.lora(one)], tmp_path / "x", pipelines=pipelines, family=family)


def test_one_that_cannot_be_read_leaves_the_networks_as_they_were(pipelines, family, lora_file, tmp_path):
    broken = tmp_path / "broken.safetensors"
    save_file({name: tensor * float("nan") for name, tensor in load_file(lora_file).items()}, broken)
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
        with (
            pytest.raises(ValueError, match="not numbers"),
            attached(pipelines, pipeline, [Applied(lora_file), Applied(broken)]),
        ):
            pass
        assert fingerprint(pipeline) == before
