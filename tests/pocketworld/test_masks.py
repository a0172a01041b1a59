"""What the mask recipes learn from: the world's truth about phrases, and targets made of it. Nothing here learns."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pocketworld.phrases import box_of, things
from pocketworld.render import render
from pocketworld.training import dino, eyes, sam
from pocketworld.training.data import to_tensor
from pocketworld.world import Spec

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="blue",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    accessory="hat",
    accessory_colour="green",
    pose="standing",
    scene="beach",
)


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
    (target,) = dino.targets(["cat", "jacket", "hat"], [things(GIRL, girl.parts)])
    assert target["class_labels"].tolist() == [1, 2]
    x, y, width, height = (target["boxes"][0] * 128).tolist()
    assert box_of(things(GIRL, girl.parts)["jacket"]) == pytest.approx(
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2), abs=1e-3
    )
    (nothing,) = dino.targets(["cat"], [things(GIRL, girl.parts)])
    assert nothing["boxes"].shape == (0, 4)


def test_a_caption_has_its_focus_and_different_phrases_of_the_pictures_and_of_elsewhere():
    rng = random.Random(0)
    captions = [dino.caption(["hat"], [["jacket", "hair"], ["cat"]], rng) for _ in range(200)]
    assert all("hat" in phrases and len(set(phrases)) == len(phrases) <= 1 + dino.MOST_MORE for phrases in captions)
    assert {"jacket", "cat", "umbrella"} <= {phrase for phrases in captions for phrase in phrases}


def test_half_of_a_batch_is_chosen_for_the_phrases_in_focus_and_tells_colours_apart():
    other = vars(GIRL) | {"top_colour": "red", "accessory": "none", "accessory_colour": None}
    catalogue = dino.Catalogue([vars(GIRL), other])
    assert catalogue.numbers["blue jacket"] == [0] and catalogue.numbers["jacket"] == [0, 1]
    assert catalogue.plain["blue jacket"] == "jacket" and "jacket" not in catalogue.coloured
    rng, drawn = random.Random(0), set()
    for _ in range(300):
        phrases, numbers = catalogue.draw(rng, count=8)
        assert 1 <= len(phrases) <= dino.MOST_FOCUSED and len(numbers) == 8
        if phrases == ["hat"]:
            assert numbers[:4] == [0] * 4, "each of them wears it"
        if phrases == ["blue jacket"]:
            drawn |= set(numbers[:4])
    assert drawn == {0, 1}, "jackets of its colour, and of another"


def test_the_detector_takes_a_step_and_its_processor_reads_it(girl):
    tokenizer = dino.new_tokenizer()
    detector, processor = dino.new_dino(tokenizer, width=32, layers=2, queries=8), dino.new_processor(tokenizer)
    inputs = processor(images=[girl.image] * 2, text=["jacket. cat."] * 2, return_tensors="pt")
    assert torch.allclose(inputs.pixel_values[0], to_tensor(np.array(girl.image)[None])[0], atol=1e-5)
    phrases, found = ["jacket", "cat"], [things(GIRL, girl.parts)] * 2
    places, labels = dino.places_of(phrases, tokenizer), dino.targets(phrases, found)
    answer = detector(**inputs)
    by_queries, closeness = dino.query_loss(answer, places, labels)
    (dino.cell_loss(answer, places, dino.cells(phrases, found), labels) + by_queries).backward()
    assert closeness <= 1 and all(p.grad is None for p in detector.model.backbone.parameters())
    assert all(p.grad.isfinite().all() for p in detector.parameters() if p.grad is not None)
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
    for asking, _ in sam.ASKINGS:
        loss, iou = sam.sam_loss(segmenter, pixels, prompts, asking)
        assert torch.isfinite(loss) and 0 <= iou <= 1
    asked = {"input_boxes": [[list(map(float, box_of(things(GIRL, girl.parts)["jacket"])))]]}
    inputs = sam.new_processor()(images=girl.image, return_tensors="pt", **asked)
    assert torch.allclose(inputs.pixel_values, pixels, atol=1e-5)


def test_hair_is_asked_most_and_heads_never(girl):
    found = things(GIRL, girl.parts)
    masks = sam._apart(found)
    shares = {phrase: sum((mask == found[phrase]).all() for mask in masks) for phrase in ("clothing", "hair", "head")}
    assert shares == {"clothing": 1, "hair": 3, "head": 0}
    beside = sam._beside(found["jacket"], np.random.default_rng(0))
    assert not (beside & found["jacket"]).any()


def test_every_cell_is_told_what_fills_it_and_where_its_boxes_are(girl):
    labels = eyes.told([vars(GIRL)], girl.parts[None])
    words = np.array(eyes.WORDS)[labels[0, 0].numpy()]
    tints = np.array(eyes.TINTS)[labels[0, 1].numpy()]
    found = things(GIRL, girl.parts)
    assert set(words[found["jacket"]]) == {"jacket"} and set(tints[found["jacket"]]) == {GIRL.top_colour}
    assert set(words[found["hair"]]) == {"hair"} and set(tints[found["hair"]]) == {GIRL.hair_colour}
    boxes = eyes.boxes_of(girl.parts[None])
    assert torch.allclose(boxes[0, eyes.GROUPS.index(("hair",))] * 128, torch.tensor(box_of(found["hair"])).float())
    assert boxes[0, eyes.GROUPS.index(("object",))].isnan().all()


def test_the_eyes_loss_is_least_for_the_truth(girl):
    labels, boxes = eyes.told([vars(GIRL)], girl.parts[None]), eyes.boxes_of(girl.parts[None])
    right = torch.zeros(1, sum(eyes.COUNTS), 64, 64)
    for number, count in enumerate(eyes.COUNTS[:3]):
        start = sum(eyes.COUNTS[:number])
        right[:, start : start + count] = 20.0 * torch.nn.functional.one_hot(
            labels[:, number, ::2, ::2], count
        ).permute(0, 3, 1, 2)
    right[:, -4 * len(eyes.GROUPS) :] = boxes.nan_to_num(0).flatten(1)[..., None, None]
    loss, named, off = eyes.eyes_loss([right], labels, boxes)
    assert loss < 0.01 and named == 1 and off < 1e-6
    assert eyes.eyes_loss([torch.zeros_like(right)], labels, boxes)[0] > 1


def test_cells_hold_each_phrase_s_share_and_a_perfect_encoder_loses_nothing_on_boxes(girl):
    found = things(GIRL, girl.parts)
    phrases = ["jacket", "teapot"]
    shares, labels = dino.cells(phrases, [found]), dino.targets(phrases, [found])
    assert shares.shape == (1, 16 * 16 + 8 * 8 + 4 * 4, 2) and shares[..., 1].max() == 0
    assert torch.isclose(shares[0, :256, 0].mean(), torch.tensor(found["jacket"].mean()).float(), atol=1e-4)
    box = labels[0]["boxes"][0]
    answer = SimpleNamespace(
        enc_outputs_class=torch.where(shares > dino.FILLED, 12.0, -12.0),
        enc_outputs_coord_logits=torch.logit(box).expand(1, len(shares[0]), 4),
    )
    assert dino.cell_loss(answer, [[0], [1]], shares, labels) < 0.01
    elsewhere = SimpleNamespace(
        enc_outputs_class=answer.enc_outputs_class, enc_outputs_coord_logits=torch.zeros(1, len(shares[0]), 4)
    )
    assert dino.cell_loss(elsewhere, [[0], [1]], shares, labels) > 0.3


def test_queries_that_lie_on_a_thing_and_say_so_lose_nothing(girl):
    found = things(GIRL, girl.parts)
    phrases = ["jacket", "teapot"]
    labels = dino.targets(phrases, [found])
    box, far = labels[0]["boxes"][0], torch.tensor([0.05, 0.05, 0.05, 0.05])
    boxes = torch.stack([box] * 4 + [far] * 4)[None]
    says = torch.full((1, 8, 2), -12.0)
    says[0, :4, 0] = 12.0
    loss, closeness = dino.query_loss(SimpleNamespace(logits=says, pred_boxes=boxes), [[0], [1]], labels)
    assert loss < 0.01 and torch.isclose(closeness, torch.tensor(1.0))
    silent, _ = dino.query_loss(SimpleNamespace(logits=-says, pred_boxes=boxes), [[0], [1]], labels)
    assert silent > 10
    nothing, _ = dino.query_loss(
        SimpleNamespace(logits=says - 24, pred_boxes=boxes),
        [[1], [1]],
        [{"class_labels": torch.tensor([], dtype=torch.long), "boxes": torch.zeros(0, 4)}],
    )
    assert nothing < 0.01


def test_the_places_of_phrases_are_those_of_their_words_in_the_caption():
    tokenizer = dino.new_tokenizer()
    phrases = ["red jacket", "hair", "xyz"]
    ids = tokenizer(dino.text_of(phrases)).input_ids
    for phrase, places in zip(phrases, dino.places_of(phrases, tokenizer), strict=True):
        assert tokenizer.decode([ids[place] for place in places]).replace(" ", "") == phrase.replace(" ", "")
