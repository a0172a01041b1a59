"""Pictures repainted: what the mask covers becomes what was asked for, and nothing else changes by a pixel."""

import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import studio
from pocketworld.render import outfit, render
from pocketworld.world import Spec
from studio.contracts.events import LoraSaved, MaskFound, PictureDrawn, PreviewDrawn, StageReported
from studio.contracts.recipes import OUTSIDE, SEAM
from studio.contracts.requests import DrawRequest, RepaintRequest, resolved
from studio.contracts.sampling import LoraUse, OutfitUse
from studio.engine.adapters.lora import fingerprint
from studio.engine.generation.drawing import draw
from studio.engine.generation.inpaint_region import InpaintRegion
from studio.engine.generation.outfits import room_for
from studio.engine.generation.repainting import repaint, soft_room
from studio.engine.models.layouts import driver_of
from studio.engine.models.schedulers import SCHEDULERS
from studio.engine.vision.picture_metrics import changed_outside
from studio.execution.local import LocalExecutor
from studio.imaging.compositing import softened
from studio.imaging.masks import inverted, open_mask
from studio.imaging.photos import content_of
from studio.library.family_files import built_in
from studio.tasks.repaint import REPAINT
from tests.engine.toys import make_toys

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
    pose="standing",
    scene="beach",
    jitter=3,
)
SIDE = built_in()["pocket"].resolution
COAT = Spec(noun="girl", top="jacket", top_colour="red", bottom="pants", bottom_colour="black", shoes="black")
REFERENCE = {"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}
ASKED = {"prompt": "a cartoon of a girl in a red jacket on the beach", "steps": 3, "seed": 3}


@pytest.fixture(scope="module")
def desk(pipelines, tmp_path_factory):
    executor = LocalExecutor(pipelines)
    with studio.open(tmp_path_factory.mktemp("repainting") / "library", executor=executor) as opened:
        opened.add_outfit("Red coat", outfit(COAT, size=256), as_it_is=True)
        yield opened
    executor.close()


@pytest.fixture(scope="module")
def girl():
    """A girl in a blue jacket on the beach."""
    return render(GIRL, SIDE, truth=False).image


@pytest.fixture(scope="module")
def clothing(desk, girl):
    return desk.start(studio.MaskRequest(girl, "clothing")).result()[0].image


@pytest.fixture(scope="module")
def worn(desk, girl):
    """She in the red coat, which no word names."""
    return desk.start(
        studio.WearRequest(girl, "red-coat", "a cartoon of a girl on the beach", steps=8, seed=3)
    ).result()[0]


@pytest.fixture(scope="module")
def lora(desk, lora_file):
    return desk.import_lora(lora_file, "Mika").slug


def repainted(desk, picture, mask, **asked):
    return desk.start(studio.RepaintRequest(picture, mask, **{**ASKED, **asked})).result()


def middle(size, share=0.4):
    """A mask (L) of the picture's middle."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(
        (*(round(side * (1 - share) / 2) for side in size), *(round(side * (1 + share) / 2) for side in size)), fill=255
    )
    return mask


def soft_of(library, picture):
    """Where a picture may have changed, by its own recipe."""
    request = picture.recipe.request
    return softened(open_mask(library.image(request["mask"])), request["feather"])


def pixels(picture):
    return np.asarray(getattr(picture, "image", picture), dtype=float)


def change(before, after, mask):
    """The mean change inside of a mask, 0 to 255."""
    return np.abs(pixels(after) - pixels(before))[np.asarray(mask) >= 128].mean()


def redness(picture, mask):
    red, green, blue = pixels(picture)[np.asarray(mask) >= 128].mean(axis=0)
    return red - (green + blue) / 2


@contextmanager
def calls_of(*networks):
    """How often these ran while the block lasts, as a list that grows."""
    calls = []
    hooks = [network.register_forward_hook(lambda *_: calls.append(1)) for network in networks]
    yield calls
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("size", [(SIDE, SIDE), (2 * SIDE, 2 * SIDE), (131, 97), (480, 130), (40, 61)])
@pytest.mark.parametrize(
    "asked",
    [{}, {"padding": 5}, {"feather": 0, "padding": 0}, {"masked_content": "surroundings"}],
    ids=["as usual", "the part round it", "the mask alone", "from its surroundings"],
)
def test_outside_of_the_soft_mask_every_pixel_stays_and_inside_they_change(desk, girl, size, asked):
    before, mask = girl.resize(size), middle(size)
    (after,) = repainted(desk, before, mask, **{**asked, "steps": 2})
    soft = soft_of(desk.library, after)
    assert after.image.size == size and changed_outside(before, after.image, soft) == 0
    assert change(before, after, mask) > 5
    assert after.recipe.estimates[OUTSIDE] == 0 and after.recipe.estimates[SEAM] >= 0


@pytest.mark.parametrize("box", [(0, 0, 30, 40), (100, 90, 130, 96), (0, 50, 130, 60)])
def test_a_mask_at_the_rim_of_the_picture_is_repainted_too(desk, girl, box):
    before = girl.resize((131, 97))
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    (after,) = repainted(desk, before, mask, steps=2, padding=10)
    assert changed_outside(before, after.image, soft_of(desk.library, after)) == 0 and change(before, after, mask) > 3


def test_the_prompt_decides_what_comes_under_the_mask(desk, girl, clothing):
    red, green = (
        repainted(desk, girl, clothing, prompt=f"a cartoon of a girl in a {colour} jacket on the beach", steps=8)[0]
        for colour in ("red", "green")
    )
    assert redness(red, clothing) > redness(girl, clothing) + 40
    assert redness(red, clothing) > redness(green, clothing) + 40


def test_an_outfit_colours_the_clothes_and_nothing_else(desk, girl, clothing, worn):
    assert redness(worn, clothing) > redness(girl, clothing) + 40
    soft = soft_of(desk.library, worn)
    assert changed_outside(girl, worn.image, soft) == 0 and 0.1 < (np.asarray(soft) > 0).mean() < 0.6
    (bare,) = repainted(desk, girl, clothing, prompt="a cartoon of a girl on the beach", steps=8)
    assert redness(worn, clothing) > redness(bare, clothing) + 20, "it is the outfit's picture that says red"


def test_the_pixels_of_a_picture_do_not_depend_on_the_count(desk, girl):
    two = repainted(desk, girl, middle(girl.size), count=2)
    (alone,) = repainted(desk, girl, middle(girl.size), seed=ASKED["seed"] + 1)
    assert np.array_equal(pixels(two[1]), pixels(alone)) and not np.array_equal(pixels(two[0]), pixels(alone))
    assert [one.recipe.request["seed"] for one in two] == [3, 4]
    assert all(one.recipe.request["count"] == 1 for one in two)


def test_its_own_file_paints_it_again_to_the_pixel(desk, girl, worn, lora):
    soft_edge = middle(girl.size).resize((32, 32)).resize(girl.size)
    (other,) = repainted(
        desk,
        girl.resize((200, 150)),
        soft_edge.resize((200, 150)),
        masked_content="surroundings",
        strength=0.7,
        padding=9,
        lora=[LoraUse(lora, 0.8)],
        lora_scale=0.5,
        negative_prompt="a cat",
    )
    for picture in (worn, other):
        again = desk.replay(picture.path)
        assert np.array_equal(pixels(again), pixels(picture))
        assert again.recipe.request == picture.recipe.request


def test_the_recipe_names_picture_and_mask_by_content_and_no_folder(desk, girl, clothing, worn):
    request = worn.recipe.request
    assert request["picture"] == f"{content_of(girl)}.png" and "/" not in request["mask"]
    assert str(desk.library.root) not in json.dumps(worn.recipe.to_json())
    assert request["type"] == "RepaintRequest" and request["feather"] == 0 and request["padding"] == SIDE
    assert worn.recipe.outfits[0]["slug"] == "red-coat" and len(worn.recipe.outfits[0]["adapter"]) == 64


@pytest.mark.parametrize("what", ["picture", "mask"])
def test_what_it_was_painted_over_is_named_where_it_is_missing_or_another(desk, girl, worn, what):
    file = desk.library.image(worn.recipe.request[what])
    data = file.read_bytes()
    try:
        file.unlink()
        with pytest.raises(ValueError, match=f"The {what} that this was painted over is not in this library any more"):
            desk.replay(worn.path)
        Image.new("RGB", girl.size, "red").save(file)
        with pytest.raises(ValueError, match=f"The {what} that this was painted over has changed since"):
            desk.replay(worn.path)
        file.write_bytes(data[:40])
        with pytest.raises(ValueError, match="damaged|not a picture|has changed since"):
            desk.replay(worn.path)
    finally:
        file.write_bytes(data)


def test_a_recipe_that_names_a_file_outside_of_the_library_reads_none(desk, girl, worn, tmp_path):
    girl.save(tmp_path / "other.png")
    odd = worn.recipe.from_json(
        {**worn.recipe.to_json(), "request": {**worn.recipe.request, "picture": str(tmp_path / "other.png")}}
    )
    saved = desk.library.save_picture(worn.image, odd)
    with pytest.raises(ValueError, match="The picture that this was painted over is not in this library"):
        desk.replay(saved.path)


def sized(size, colour=0):
    return lambda folder: Image.new("L", size, colour)


def junk(folder):
    (folder / "junk.png").write_bytes(b"junk")
    return folder / "junk.png"


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"mask": sized((64, 64), 255)}, f"The mask is 64 x 64 px and should be {SIDE} x {SIDE}"),
        ({"mask": sized((SIDE, SIDE))}, "The mask is empty: paint over what shall change"),
        ({"mask": sized((SIDE, SIDE), 255)}, "The mask covers the whole picture"),
        ({"mask": junk}, "The mask is not a picture"),
        ({"mask": lambda folder: folder / "nowhere.png"}, "The mask is not there"),
        ({"picture": junk}, "junk.png is not a picture"),
        ({"picture": lambda folder: folder / "nowhere.png"}, "nowhere.png is not there"),
        ({"picture": sized((8, 8))}, "at least 16 px"),
        ({"outfit": "blue-coat"}, "There is no outfit 'blue-coat'; known are red-coat"),
        ({"outfit": [{"slug": "red-coat", "adapter": "Magic"}]}, "There is no image adapter 'Magic'"),
        ({"outfit": [{"slug": "red-coat", "block_scales": {"down": {"block_9": 1.0}}}]}, "block_9"),
        ({"lora": "nobody"}, "There is no LoRA 'nobody'"),
        ({"scheduler": "Magic"}, "There is no scheduler 'Magic'"),
        ({"family": "magic"}, "magic"),
    ],
)
def test_what_cannot_be_repainted_is_told_in_a_sentence_and_nothing_is_lost(desk, girl, tmp_path, fields, said):
    before = [picture.path for picture in desk.library.pictures()]
    given = {
        "picture": girl,
        "mask": middle(girl.size),
        **ASKED,
        **{name: value(tmp_path) if callable(value) else value for name, value in fields.items()},
    }
    with pytest.raises((ValueError, studio.RunFailed), match=said) as told:
        desk.start(studio.RepaintRequest(**given)).result()
    assert "fault" not in str(told.value) and str(told.value).endswith((".", "red-coat.")) or said == "block_9"
    assert [picture.path for picture in desk.library.pictures()] == before


def test_a_lower_strength_stays_nearer_to_what_was_there(desk, girl, clothing):
    asked = {"prompt": "a cartoon of a girl in a red jacket on the beach", "steps": 8}
    far, near, nearest = (
        change(girl, repainted(desk, girl, clothing, strength=strength, **asked)[0], clothing)
        for strength in (1.0, 0.5, 0.05)
    )
    assert far > near + 10 and near > nearest + 3


@pytest.mark.parametrize("asked", [{}, {"padding": 0, "feather": 0}], ids=["in the picture", "the mask alone"])
def test_from_its_surroundings_what_was_there_is_gone(desk, asked):
    ground = render(Spec(object="cup", object_colour="blue", scene="beach"), SIDE, truth=False).image
    marked, mask, part = ground.copy(), Image.new("L", ground.size), SIDE / 128
    ImageDraw.Draw(marked).rectangle(tuple(part * place for place in (8, 90, 40, 118)), fill=(220, 20, 20))
    ImageDraw.Draw(mask).rectangle(tuple(part * place for place in (5, 87, 43, 121)), fill=255)
    asked = {"prompt": "a blue cup on the beach", "strength": 0.3, "steps": 6, **asked}
    kept, gone = (
        repainted(desk, marked, mask, masked_content=content, **asked)[0] for content in ("original", "surroundings")
    )
    assert redness(kept, mask) > 80 and redness(gone, mask) < 60


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(
    "asked", [{"steps": 1}, {"steps": 1, "strength": 0.05}, {"steps": 3, "strength": 0.5}, {"steps": 4}], ids=str
)
def test_every_scheduler_repaints_in_any_number_of_steps(pipelines, family, library, girl, scheduler, asked):
    mask = middle(girl.size)
    (after,) = over(family, pipelines, library, girl, mask, scheduler=scheduler, **asked)
    assert changed_outside(girl, after.image, soft_of(library, after)) == 0 and change(girl, after, mask) > 0.5
    assert np.isfinite(after.recipe.estimates[SEAM]) and pixels(after)[np.asarray(mask) > 0].std() > 5, "no black hole"


def over(family, pipelines, library, picture, mask, stop=lambda: False, **asked):
    """The pictures of a repainting by the engine alone, for any family."""
    events = told(family, pipelines, library, picture, mask, stop, **asked)
    return [library.picture(event.path) for event in events if isinstance(event, PictureDrawn)]


def told(family, pipelines, library, picture, mask, stop=lambda: False, **asked):
    request = RepaintRequest(picture, mask, **{**ASKED, **asked})
    request = REPAINT.keep(REPAINT.resolve(request, library, family), library)
    yield from repaint(request, pipelines=pipelines, family=family, library=library, stop=stop)


def test_previews_count_the_steps_that_are_taken(family, pipelines, library, girl):
    events = told(family, pipelines, library, girl, middle(girl.size), steps=12, strength=0.5)
    assert [(one.step, one.total) for one in events if isinstance(one, PreviewDrawn)] == [(3, 6), (6, 6)]


def test_stopping_ends_within_a_step_and_keeps_what_is_finished(family, pipelines, library, girl):
    asked, after = [], []

    def stop():
        if asked:
            after.append(True)
        return bool(asked)

    for event in told(family, pipelines, library, girl, middle(girl.size), stop, count=3, steps=6):
        if isinstance(event, PictureDrawn):
            asked.append(True)
    assert len(after) == 1, "the first look at the flag ends it"
    assert len(library.pictures()) == 1


def test_a_run_that_is_cancelled_keeps_what_is_finished(desk, girl):
    run = desk.start(studio.RepaintRequest(girl, middle(girl.size), **{**ASKED, "steps": 100}, count=64))
    next(event for event in run.events() if isinstance(event, PreviewDrawn))
    run.cancel()
    with pytest.raises(studio.RunCancelled):
        run.result()
    assert run.kept() == []
    run = desk.start(studio.WearRequest([girl] * 20, "red-coat", "a girl", steps=3, seed=1))
    next(event for event in run.events() if isinstance(event, PictureDrawn))
    run.cancel()
    with pytest.raises(studio.RunCancelled):
        run.result()
    assert 1 <= len(run.kept()) < 20


def test_no_weight_is_loaded_again_and_every_module_is_left_as_it_was(desk, pipelines, girl, lora, monkeypatch):
    pipelines.warm(desk.family)
    with pipelines.lend(desk.family) as pipeline:
        before, scheduler = fingerprint(pipeline), pipeline.scheduler
        processors = dict(pipeline.unet.attn_processors)
    monkeypatch.setattr("studio.engine.models.loading.load", lambda *_, **__: pytest.fail("loaded again"))
    monkeypatch.setattr("diffusers.ModelMixin.from_pretrained", lambda *_, **__: pytest.fail("loaded again"))
    worn = [OutfitUse("red-coat", REFERENCE, start=0.1, end=0.9)]
    repainted(desk, girl, middle(girl.size), lora=lora, outfit=worn, strength=0.9)
    run = desk.start(studio.RepaintRequest(girl, middle(girl.size), **{**ASKED, "steps": 40}, lora=lora, outfit=worn))
    next(event for event in run.events() if isinstance(event, PreviewDrawn))
    run.cancel()
    with pytest.raises(studio.RunCancelled):
        run.result()
    with pipelines.lend(desk.family) as after:
        assert after is pipeline and fingerprint(after) == before and after.scheduler is scheduler
        assert all(after.unet.attn_processors[name] is one for name, one in processors.items())
        assert after.unet.encoder_hid_proj is None
    with pipelines.lend(desk.family, "repaint") as view:
        assert view.unet is pipeline.unet and view.vae is pipeline.vae and view.text_encoder is pipeline.text_encoder
        assert view.scheduler.__class__ is scheduler.__class__


def test_the_second_repainting_runs_no_encoder_of_texts_or_outfits(desk, pipelines, girl):
    coat = desk.add_outfit(
        "Yellow coat",
        outfit(
            Spec(noun="girl", top="jacket", top_colour="yellow", bottom="pants", bottom_colour="blue", shoes="black")
        ),
        as_it_is=True,
    )
    with pipelines.lend(desk.family) as pipeline:
        encoders = (pipeline.text_encoder, pipeline.text_encoder_2, pipeline.image_encoder)
    asked = {"prompt": "a girl in a coat of many colours", "outfit": coat.slug, "steps": 2}
    with calls_of(*encoders) as calls:
        repainted(desk, girl, middle(girl.size), **asked)
        first = len(calls)
        repainted(desk, girl.rotate(180), middle(girl.size, 0.3), **{**asked, "seed": 9}, count=2)
    assert first >= 3 and len(calls) == first


def test_what_stays_of_a_wearer_is_not_in_the_edge_either():
    room, stays = middle((128, 128)), Image.new("L", (128, 128))
    ImageDraw.Draw(stays).rectangle((0, 91, 127, 127), fill=255)
    mask = np.asarray(soft_room(room, stays, None))
    assert (mask[40:88, 40:88] == 255).all() and not mask[91:].any()
    assert 0 < mask[36, 64] < 128 and mask[29, 64] == 0 and soft_room(room, stays, 12).getpixel((64, 29)) > 0


def test_wearing_passes_over_pictures_without_clothes(desk, girl):
    plain = Image.new("RGB", (SIDE, SIDE), "white")
    run = desk.start(
        studio.WearRequest([girl, plain, girl.resize((256, 200))], "red-coat", "a girl", steps=2, seed=1, count=2)
    )
    pictures = run.result()
    assert [one.image.size for one in pictures] == [(SIDE, SIDE)] * 2 + [(256, 200)] * 2
    events = run.snapshot()
    assert [(one.index, one.count) for one in events if isinstance(one, PictureDrawn)] == [
        (0, 6),
        (1, 6),
        (4, 6),
        (5, 6),
    ]
    assert [one.number for one in events if isinstance(one, MaskFound)] == [0, 2], "a mask to see for each picture"
    assert any(
        isinstance(one, StageReported) and one.stage.startswith("No clothes were found in picture 2") for one in events
    )
    for picture, before in zip(pictures[::2], (girl, girl.resize((256, 200))), strict=True):
        assert changed_outside(before, picture.image, soft_of(desk.library, picture)) == 0


def test_a_picture_that_cannot_be_dressed_holds_none_of_the_others_up(desk, girl, monkeypatch):
    def everywhere(image, clothing, **shared):
        whole = Image.new("L", image.size, 255)
        return (whole, inverted(whole)) if image.size == girl.size else room_for(image, clothing, **shared)

    monkeypatch.setattr("studio.engine.generation.repainting.room_for", everywhere)
    run = desk.start(studio.WearRequest([girl, girl.resize((200, 256))], "red-coat", "a girl", steps=1, seed=1))
    (picture,) = run.result()
    assert picture.image.size == (200, 256)
    assert any(
        isinstance(one, StageReported) and one.stage.startswith("Picture 1 stays as it is: The mask covers")
        for one in run.snapshot()
    )
    with pytest.raises(studio.RunFailed, match="The mask covers the whole picture"):
        desk.start(studio.WearRequest(girl, "red-coat", "a girl", steps=1, seed=1)).result()


def test_several_pictures_are_counted_before_the_first_is_there(desk, girl):
    run = desk.start(studio.WearRequest([girl, girl.resize((256, 200))], "red-coat", "a girl", steps=2, seed=1))
    assert run.request.total == 2
    shown = {run.progress().words for _ in run.events()}
    assert not any("of 1" in words for words in shown) and len(run.result()) == 2


@pytest.mark.parametrize("count, said", [(1, "in this picture"), (2, "in any of these pictures")])
def test_wearing_says_what_to_do_where_no_clothes_are_found(desk, count, said):
    plain = Image.new("RGB", (SIDE, SIDE), "white")
    with pytest.raises(studio.RunFailed, match=f"No clothes were found {said}: paint over where the outfit shall be"):
        desk.start(studio.WearRequest([plain] * count, "red-coat", steps=2)).result()


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"outfit": "blue-coat"}, "There is no outfit 'blue-coat'"),
        ({"lora": "nobody"}, "There is no LoRA 'nobody'"),
        ({"picture": [junk]}, "junk.png is not a picture"),
        ({"picture": [lambda folder: folder / "nowhere.png"]}, "nowhere.png is not there"),
    ],
)
def test_what_cannot_be_worn_is_told_at_once(desk, girl, tmp_path, fields, said):
    given = {"picture": girl, "outfit": "red-coat", **fields}
    if isinstance(given["picture"], list):
        given["picture"] = [girl, *(make(tmp_path) for make in given["picture"])]
    with pytest.raises(ValueError, match=said):
        desk.start(studio.WearRequest(**given))


def test_wearing_takes_prompt_and_lora_of_the_picture_with_its_clothes_left_out(desk, lora):
    prompt = "a cartoon of sks girl in a blue jacket and black pants, smiling, on the beach"
    (drawn,) = desk.start(studio.DrawRequest(prompt, lora=[LoraUse(lora, 0.7)], steps=8, seed=5)).result()
    (worn,) = desk.start(studio.WearRequest(drawn.path, "red-coat", steps=2, seed=1)).result()
    request = worn.recipe.request
    assert request["prompt"] == "a cartoon of sks girl, smiling, on the beach"
    assert [(one["slug"], one["scale"]) for one in worn.recipe.loras] == [(lora, 0.7)]
    assert np.array_equal(pixels(desk.replay(worn.path)), pixels(worn))
    (other,) = desk.start(studio.WearRequest(drawn.path, "red-coat", "a boy", lora=[], steps=2, seed=1)).result()
    assert other.recipe.request["prompt"] == "a boy" and other.recipe.loras == ()
    (again,) = desk.start(studio.WearRequest(worn.path, "red-coat", steps=2, seed=1)).result()
    assert again.recipe.request["prompt"] == request["prompt"] and again.recipe.loras == worn.recipe.loras


def test_a_thin_line_changes_from_the_first_step_on():
    mask = Image.new("L", (128, 128))
    ImageDraw.Draw(mask).line((10, 64, 110, 64), fill=255)
    part = InpaintRegion(Image.new("RGB", mask.size), softened(mask, 4), 1.0)
    assert part._free(0, 20, (32, 32))[0, 0, 16, 3:27].all()


def test_masks_open_from_their_white_to_all_that_they_touch(pipelines, family):
    mask = Image.new("L", (128, 128))
    draw = ImageDraw.Draw(mask)
    for column, grey in enumerate((255, 200, 100, 20)):
        draw.rectangle((32 * column, 32, 32 * column + 31, 95), fill=grey)
    part = InpaintRegion(Image.new("RGB", mask.size), mask, 1.0)
    with pipelines.lend(family, "repaint") as pipeline:
        driver, latents = driver_of(family), torch.zeros(1, 4, 16, 16)
        first = np.asarray(part.arguments(driver, pipeline, 10)["mask_image"]) > 0
        seen = [part.after_step(driver, pipeline, step, 10, latents, guided=True) for step in range(10)]
    assert first[32:96, :32].all() and not first[:, 32:].any() and not first[:32].any()
    assert seen[-1] == {} and all(one["mask"].shape == (2, 1, 16, 16) for one in seen[:-1])
    shares = [float(one["mask"][0].mean()) for one in seen[:-1]]
    assert shares == sorted(shares) and shares[0] == 0.125 and shares[-1] == 0.5


SCALES = {"sdxl": REFERENCE, "sd15": {"up": {"block_1": 0.8}}}


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
@pytest.mark.parametrize("adapter", ["plain", "plus"])
def test_the_large_layouts_wear_an_outfit_under_a_mask(layout, adapter, wearing, pipelines, library, girl):
    family, before = wearing(layout), girl.resize((101, 75))
    slug = library.add_outfit("Red coat", outfit(COAT)).slug
    with pipelines.lend(family) as pipeline:
        was = fingerprint(pipeline)
    mask = middle(before.size, 0.6)
    bare, dressed, whole = (
        over(family, pipelines, library, before, mask, outfit=worn, steps=4)[0]
        for worn in (
            None,
            [OutfitUse(slug, SCALES[layout], adapter)],
            [OutfitUse(slug, SCALES[layout], adapter, inside_garment=False)],
        )
    )
    for picture in (bare, dressed, whole):
        assert changed_outside(before, picture.image, soft_of(library, picture)) == 0
    assert change(bare, dressed, mask) > 0.5, "the outfit acts"
    assert not np.array_equal(pixels(dressed), pixels(whole)), "inside of the mask alone, or beside it too"
    assert dressed.recipe.request["outfit"][0]["block_scales"] == SCALES[layout]
    with pipelines.lend(family) as pipeline:
        assert fingerprint(pipeline) == was


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_checkpoint_made_for_inpainting_sees_the_mask_itself(layout, guidance, tmp_path, pipelines, library, girl):
    family, before = make_toys(layout, tmp_path / layout, in_channels=9)[0], girl.resize((101, 75))
    mask, given = middle(before.size), []
    with pipelines.lend(family, "repaint") as pipeline:
        hook = pipeline.unet.conv_in.register_forward_pre_hook(lambda _module, args: given.append(args[0]))
    (after,) = over(family, pipelines, library, before, mask, guidance=guidance, steps=3)
    hook.remove()
    assert changed_outside(before, after.image, soft_of(library, after)) == 0 and change(before, after, mask) > 1
    assert [one.shape[:2] for one in given] == [(1 if guidance == 1.0 else 2, 9)] * 3
    shown = given[0][0, 4]
    assert set(shown.unique().tolist()) == {0.0, 1.0} and 0.1 < float(shown.mean()) < 0.4
    assert all((one[:, 4:] == given[0][:, 4:]).all() for one in given), "the same from the first step to the last"
    with pytest.raises(ValueError, match="an inpainting checkpoint: it repaints, on Retouch"):
        asked = resolved(DrawRequest("a girl", width=64, height=64, seed=1, steps=1), family.drawing)
        list(draw(asked, pipelines=pipelines, family=family, library=library, stop=lambda: False))


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_a_lora_of_the_base_acts_in_the_checkpoint_made_for_inpainting(
    layout, toys, trains, tmp_path, pipelines, library, girl
):
    base = toys(layout)[0]
    events = trains(family=base, steps=4, learning_rate=0.2, class_images=0, sample_every=0)
    (lora,) = (library.lora(event.slug) for event in events if isinstance(event, LoraSaved))
    family = replace(make_toys(layout, tmp_path / layout, in_channels=9)[0], name="mine", loras_of=(base.name,))
    assert lora.fits(base) and lora.fits(family) and not lora.fits(replace(family, loras_of=()))
    assert not replace(lora, rank=0).fits(family), "a full fine-tune stands in for weights of its own base alone"
    mask, asked = middle(girl.size), {"prompt": "sks girl", "steps": 3}
    (bare,) = over(family, pipelines, library, girl, mask, **asked)
    (with_lora,) = over(family, pipelines, library, girl, mask, lora=lora.slug, **asked)
    assert change(bare, with_lora, mask) > 0.5


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_the_large_layouts_do_without_guidance_and_with_a_low_strength(layout, toys, pipelines, library, girl):
    family, before = toys(layout)[0], girl.resize((70, 200))
    mask = middle(before.size)
    for asked in (
        {"guidance": 0.0},
        {"guidance": 1.0, "strength": 0.3},
        {"masked_content": "surroundings", "padding": 3},
    ):
        (after,) = over(family, pipelines, library, before, mask, **asked)
        assert changed_outside(before, after.image, soft_of(library, after)) == 0 and change(before, after, mask) > 0.5
