"""What the mask recipes learn from: the world's truth about phrases, and targets made of it. Nothing here learns."""

import random

import numpy as np
import pytest
import torch

from pocketworld.recipes import dino, sam
from pocketworld.recipes.data import to_tensor
from pocketworld.render import render
from pocketworld.things import box_of, things
from pocketworld.world import Spec

GIRL = Spec(noun="girl", skin="pale", hair="long", hair_colour="red", expression="smiling", top="jacket",
            top_colour="blue", bottom="pants", bottom_colour="black", shoes="white", accessory="hat",
            accessory_colour="green", pose="standing", scene="beach")


@pytest.fixture(scope="module")
def girl():
    return render(GIRL)


def test_phrases_name_what_is_there_and_nothing_else(girl):
    found = things(GIRL, girl.parts)
    assert {"clothing", "blue jacket", "jacket", "black pants", "red hair", "green hat", "girl"} <= found.keys()
    assert not {"red jacket", "skirt", "cat", "umbrella", "cup"} & found.keys()
    assert (found["clothing"] == (found["jacket"] | found["pants"])).all()
    assert found["figure"].sum() > found["clothing"].sum() + found["hair"].sum()


def test_a_box_goes_round_its_mask():
    mask = np.zeros((16, 16), bool)
    mask[3:7, 5:9] = True
    assert box_of(mask) == (5, 3, 9, 7)
    with pytest.raises(ValueError, match="no box"):
        box_of(~np.ones((4, 4), bool))


def test_words_of_the_world_are_one_token_and_others_fall_into_letters():
    tokenizer = dino.new_tokenizer()
    ids = tokenizer("red jacket. dog.").input_ids
    assert ids[0] == 101 and ids[-1] == 102 and ids[3] == 1012
    assert tokenizer.convert_ids_to_tokens(ids[1:3]) == ["red", "jacket"]
    assert tokenizer.convert_ids_to_tokens(ids[4:7]) == ["d", "##o", "##g"]


def test_targets_of_a_caption_are_the_boxes_of_what_is_there(girl):
    target, = dino.targets(["cat", "jacket", "hat"], [things(GIRL, girl.parts)])
    assert target["class_labels"].tolist() == [1, 2]
    x, y, width, height = (target["boxes"][0] * 128).tolist()
    assert box_of(things(GIRL, girl.parts)["jacket"]) == pytest.approx(
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2), abs=1e-3)
    nothing, = dino.targets(["cat"], [things(GIRL, girl.parts)])
    assert nothing["boxes"].shape == (0, 4)


def test_a_caption_has_different_phrases_of_the_pictures_and_of_elsewhere():
    rng = random.Random(0)
    captions = [dino.caption([["jacket", "hair"], ["cat"]], rng) for _ in range(200)]
    assert all(1 <= len(phrases) <= dino.MOST_PHRASES and len(set(phrases)) == len(phrases) for phrases in captions)
    assert {"jacket", "cat", "umbrella"} <= {phrase for phrases in captions for phrase in phrases}


def test_the_detector_takes_a_step_and_its_processor_reads_it(girl):
    tokenizer = dino.new_tokenizer()
    detector, processor = dino.new_dino(tokenizer, width=32, layers=2, queries=8), dino.new_processor(tokenizer)
    inputs = processor(images=[girl.image] * 2, text=["jacket. cat."] * 2, return_tensors="pt")
    assert torch.allclose(inputs.pixel_values[0], to_tensor(np.array(girl.image)[None])[0], atol=1e-5)
    answer = detector(**inputs, labels=dino.targets(["jacket", "cat"], [things(GIRL, girl.parts)] * 2))
    answer.loss.backward()
    assert torch.isfinite(answer.loss) and detector.model.backbone.conv_encoder.model is not None
    told = processor.post_process_grounded_object_detection(answer, inputs.input_ids, threshold=0.0, text_threshold=0.0)
    assert len(told[0]["boxes"]) == 8


def test_prompts_are_boxes_and_points_of_the_masks_they_ask_for(girl):
    spec = {name: getattr(GIRL, name) for name in GIRL.__dataclass_fields__}
    prompts = sam.Prompts([spec], girl.parts[None], np.random.default_rng(0))
    assert prompts.masks.shape == (1, sam.PROMPTS, 128, 128)
    for mask, points, labels in zip(prompts.masks[0], prompts.points[0], prompts.labels[0], strict=True):
        assert labels[0] == 1
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True):
            assert label == -10 or mask[int(y), int(x)] == label


def test_the_segmenter_answers_boxes_with_one_mask_and_points_with_three(girl):
    segmenter, spec = sam.new_sam(width=32, layers=1, decoder=32), vars(GIRL)
    prompts = sam.Prompts([spec], girl.parts[None], np.random.default_rng(0))
    pixels = to_tensor(np.array(girl.image)[None])
    for boxes in (True, False):
        loss, iou = sam.sam_loss(segmenter, pixels, prompts, boxes=boxes)
        assert torch.isfinite(loss) and 0 <= iou <= 1
    asked = {"input_boxes": [[list(map(float, box_of(things(GIRL, girl.parts)["jacket"])))]]}
    inputs = sam.new_processor()(images=girl.image, return_tensors="pt", **asked)
    assert torch.allclose(inputs.pixel_values, pixels, atol=1e-5)
