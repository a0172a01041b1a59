"""What is decided before a picture is repainted: sizes by the picture, words without clothes, intents as settings."""

from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

import studio
from studio.contracts.recipes import Recipe
from studio.contracts.requests import RepaintRequest, WearRequest, resolved
from studio.contracts.sampling import LoraUse, OutfitUse
from studio.imaging.photos import content_of, open_image
from studio.library import Library
from studio.library.family_files import built_in
from studio.quotas import Quota
from studio.tasks.repaint import INTENTS, REPAINT
from studio.tasks.try_on import TRY_ON, repainting_of
from studio.words.clothing_words import without_clothes

POCKET, SD15, SDXL = built_in()["pocket"], built_in()["sd15"], built_in()["sdxl"]

# The coat in the family's usual way.
USUALLY = OutfitUse("red-coat", next(iter(POCKET.outfit_presets.values())), "Outfit")


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library")
    library.add_outfit("Red coat", photo((64, 64)))
    return library


@pytest.fixture
def lora(library):
    return library.save_lora("Mika", "", "pocket", "sks girl", 2, 2.0, 4, write=lambda path: path.write_bytes(b"x"))


def photo(size=(128, 128), colour=(90, 160, 200)):
    return Image.new("RGB", size, colour)


def mask_of(size, box, white=255):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=white)
    return mask


def drawn(library, prompt, loras=(), family="pocket", **asked):
    """A picture of the library with that recipe; each of `loras` with its `scale`."""
    uses = [{"slug": one["slug"], "unet": one["scale"], "text_encoder": one["scale"]} for one in loras]
    return library.save_picture(
        photo(),
        Recipe({"type": "DrawRequest", "prompt": prompt, "lora": uses, **asked}, {"name": family}, loras=tuple(loras)),
    )


def repaint(request, library, family):
    """The request as the engine gets it."""
    return REPAINT.keep(REPAINT.resolve(request, library, family), library)


def try_on(request, library, family):
    return TRY_ON.keep(TRY_ON.resolve(request, library, family), library)


@pytest.mark.parametrize(
    "prompt, left",
    [
        ("a girl with red hair in a blue jacket and black pants on the beach", "a girl with red hair on the beach"),
        (
            "a cartoon of a boy in a green t-shirt and grey shorts, smiling, in the snow",
            "a cartoon of a boy, smiling, in the snow",
        ),
        ("a woman in the kitchen wearing a yellow dress", "a woman in the kitchen"),
        ("a woman wearing a striped shirt and a skirt from behind", "a woman from behind"),
        (
            "a cartoon of sks girl, in a purple hoodie and teal pants, waving, in the forest",
            "a cartoon of sks girl, waving, in the forest",
        ),
        ("A Girl In A Red DRESS on a street at night", "A Girl on a street at night"),
        ("wearing a red dress, on the beach", "on the beach"),
        ("in a red jacket", ""),
        ("a man in two sweaters", "a man"),
        ("a girl, dressed in a red skirt, at night", "a girl, at night"),
        ("a woman in dresses of silk in the park", "a woman of silk in the park"),
        ("a girl in a blue jacket, black pants and white shoes, smiling", "a girl, smiling"),
        (
            "a girl with long red hair, in a red dress and white shoes, on the beach",
            "a girl with long red hair, on the beach",
        ),
    ],
)
def test_what_somebody_wears_is_left_out_of_a_prompt(prompt, left):
    assert without_clothes(prompt, POCKET) == left


@pytest.mark.parametrize(
    "prompt",
    [
        "a cartoon of a boy with short black hair, smiling, on the beach",
        "",
        "a girl in the park",
        "a red teapot",
        "a jacket",
        "a blue dress on a table",
        "standing in the kitchen with a shirt",
        "a portrait of sks girl with a suitcase in hand",
        "a redressed window",
    ],
)
def test_a_prompt_that_dresses_nobody_stays_as_it_is(prompt):
    assert without_clothes(prompt, POCKET) == prompt


def test_garments_that_everybody_knows_are_left_out_for_families_that_know_the_open_world():
    asked = "a photo of a woman in a grey suit and trousers, standing in the rain"
    assert without_clothes(asked, SDXL) == without_clothes(asked, SD15) == "a photo of a woman, standing in the rain"


@pytest.mark.parametrize(
    "size, box, feather, padding",
    [
        ((256, 256), (80, 80, 160, 200), 16, 256),
        ((262, 194), (80, 80, 160, 180), 12, 262),
        ((320, 320), (0, 0, 80, 80), 20, 320),  # a little larger than the family draws: all of it is looked at
        ((400, 400), (80, 80, 160, 200), 25, 60),
        ((1024, 768), (100, 100, 300, 200), 48, 100),
        ((16, 16), (4, 4, 8, 8), 1, 16),
    ],
)
def test_edge_and_surroundings_come_from_the_sizes(library, size, box, feather, padding):
    request = repaint(RepaintRequest(photo(size), mask_of(size, box)), library, POCKET)
    assert (request.feather, request.padding) == (feather, padding)


def test_what_is_said_stays_said(library):
    asked = RepaintRequest(photo((512, 512)), mask_of((512, 512), (0, 0, 40, 40)), feather=0, padding=0, strength=0.3)
    request = repaint(asked, library, POCKET)
    assert (request.feather, request.padding, request.strength) == (0, 0, 0.3)
    assert repaint(request, library, POCKET) == request, "resolved is resolved"


def test_none_is_no_prompt_and_pixels_are_whole(library):
    asked = RepaintRequest(photo(), mask_of((128, 128), (3, 3, 30, 30)), prompt=None, padding=30.0)
    request = repaint(asked, library, POCKET)
    assert request.prompt == "" and isinstance(request.padding, int)


def test_picture_and_mask_become_files_of_the_library_named_by_their_content(library, tmp_path):
    mask = mask_of((128, 128), (3, 3, 30, 30), white=200)
    mask.save(tmp_path / "mask.png")
    photo().save(tmp_path / "photo.png")
    request, same = (
        repaint(RepaintRequest(*given, seed=1), library, POCKET)
        for given in ((photo(), mask), (tmp_path / "photo.png", str(tmp_path / "mask.png")))
    )
    assert request == same and len(list((library.root / "images").iterdir())) == 2
    assert request.picture == str(library.image(f"{content_of(photo())}.png"))
    assert open_image(request.mask).convert("L").tobytes() == mask.tobytes()


def test_a_mask_may_be_a_transparent_picture_as_other_tools_save_them(library):
    layer = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    layer.paste((0, 0, 0, 255), (10, 10, 40, 40))
    request = repaint(RepaintRequest(photo(), layer), library, POCKET)
    assert open_image(request.mask).convert("L").tobytes() == mask_of((128, 128), (10, 10, 40, 40)).tobytes()


def test_what_the_family_decides_is_its_own(library):
    request = resolved(RepaintRequest(photo(), mask_of((128, 128), (3, 3, 30, 30))), POCKET.repainting)
    assert (request.strength, request.masked_content, request.steps, request.guidance, request.scheduler) == (
        1.0,
        "original",
        20,
        4.0,
        "DDIM",
    )
    own = replace(SDXL, repainting={"strength": 0.9}).repainting
    assert own["strength"] == 0.9 and own["steps"] == SDXL.drawing["steps"] and own["masked_content"] == "original"


@pytest.mark.parametrize(
    "mask, said",
    [
        (Image.new("L", (64, 64)), "The mask is empty: paint over what shall change"),
        (Image.new("L", (64, 64), 100), "The mask is empty"),
        (Image.new("L", (64, 64), 255), "The mask covers the whole picture, so nothing of it would stay"),
    ],
)
def test_masks_that_leave_nothing_or_nothing_to_do_are_refused_at_once(library, mask, said):
    with pytest.raises(ValueError, match=said):
        repaint(RepaintRequest(photo((64, 64)), mask), library, POCKET)
    repaint(RepaintRequest(photo((64, 64)), mask_of((64, 64), (1, 1, 64, 64))), library, POCKET)


def test_a_strip_that_is_longer_than_any_padding_is_seen_whole(library):
    request = repaint(RepaintRequest(photo((16, 24_000)), mask_of((16, 24_000), (0, 0, 9, 9))), library, SDXL)
    assert request.padding == 20_000


def test_outfits_are_resolved_as_in_a_drawing(library):
    request = repaint(RepaintRequest(photo(), mask_of((128, 128), (3, 3, 30, 30)), outfit="red-coat"), library, POCKET)
    assert list(request.outfits) == [USUALLY]
    with pytest.raises(ValueError, match="There is no outfit 'hat'"):
        repaint(replace(request, outfit="hat"), library, POCKET)
    with pytest.raises(ValueError, match="There is no outfit 'hat'"):
        try_on(WearRequest(photo(), "hat"), library, POCKET)


@pytest.mark.parametrize("name", INTENTS)
def test_an_intent_is_settings_that_a_request_takes(library, name):
    intent = INTENTS[name]
    request = RepaintRequest(
        photo(),
        mask_of((128, 128), (3, 3, 30, 30)),
        strength=intent.strength,
        masked_content=intent.masked_content,
        padding=None if intent.padding is None else round(intent.padding * 27),
        outfit="red-coat" if intent.wears else None,
    )
    assert repaint(request, library, POCKET).padding == (128 if intent.padding is None else 14)
    assert intent.title and intent.about.endswith(".")


def test_only_what_is_removed_begins_with_its_surroundings_and_only_an_outfit_begins_anew():
    assert {name for name, one in INTENTS.items() if one.masked_content == "surroundings"} == {"remove"}
    assert {name for name, one in INTENTS.items() if one.strength == 1.0} == {"outfit"}
    assert {name for name, one in INTENTS.items() if one.wears} == {"outfit"}


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"picture": None}, "picture must be a file or a picture, got None"),
        ({"mask": 3}, "mask must be a file or a picture, got 3"),
        ({"mask": ""}, "mask must be a file"),
        ({"prompt": 3}, "prompt must be text, got 3"),
        ({"strength": 0.0}, "strength must be 0.05 to 1, got 0"),
        ({"strength": 1.1}, "strength must be"),
        ({"masked_content": "noise"}, "masked_content must be one of original, surroundings"),
        ({"feather": -1}, "feather must be 0 to 512"),
        ({"padding": -1}, "padding must be 0 to 20000"),
        ({"steps": 0}, "steps must be"),
        ({"count": 0}, "count must be 1 to 64"),
        ({"seed": -1}, "seed must be"),
        ({"lora_scale": 3.0}, "lora_scale must be"),
        ({"lora": 3}, "lora must be a slug or a list"),
    ],
)
def test_a_repainting_that_cannot_be_is_refused_when_it_is_asked(fields, said):
    with pytest.raises(ValueError, match=said):
        RepaintRequest(**{"picture": "a.png", "mask": "b.png", **fields})


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"picture": []}, "picture may be 1 to 64 pictures, got 0"),
        ({"picture": ["a.png"] * 65}, "picture may be 1 to 64 pictures, got 65"),
        ({"picture": ["a.png", 3]}, "picture must be a file or a picture, got 3"),
        ({"outfit": None}, "Choose an outfit to wear"),
        ({"outfit": ""}, "Choose an outfit to wear"),
        ({"outfit": []}, "Choose an outfit to wear"),
        ({"strength": 2}, "strength must be"),
        ({"outfit": ["red-coat", "red-coat"]}, "outfit names red-coat twice"),
    ],
)
def test_dressing_that_cannot_be_is_refused_when_it_is_asked(fields, said):
    with pytest.raises(ValueError, match=said):
        WearRequest(**{"picture": "a.png", "outfit": "red-coat", **fields})


def test_one_picture_or_several_may_be_dressed(library):
    assert WearRequest("a.png", "red-coat").picture == ("a.png",)
    own = drawn(library, "a girl")
    request = try_on(WearRequest([own.path, photo()], "red-coat"), library, POCKET)
    assert request.picture == (str(own.path), str(library.image(f"{content_of(photo())}.png")))
    assert list(request.outfits) == [USUALLY]


def wear(library, path, family=POCKET, **asked):
    """What becomes of one picture of a request to dress it."""
    request = try_on(WearRequest(path, "red-coat", **asked), library, family)
    return repainting_of(request, 0, mask_of((128, 128), (3, 3, 30, 30)), library, family)


def test_a_picture_is_dressed_with_its_own_words_and_lora(library, lora):
    used = {"slug": lora.slug, "name": lora.name, "sha256": lora.sha256, "scale": 0.6}
    own = drawn(library, "sks girl in a red dress in the snow", [used])
    request = wear(library, own.path, seed=4, count=3, steps=7, feather=9)
    assert request.prompt == "sks girl in the snow" and list(request.loras) == [LoraUse(lora.slug, 0.6, 0.6)]
    assert (request.seed, request.count, request.steps, request.feather, request.padding) == (4, 3, 7, 0, 128)
    assert (request.strength, request.masked_content, request.family) == (1.0, "original", "pocket")
    said = wear(library, own.path, prompt="a boy", lora=[], lora_scale=0.5)
    assert said.prompt == "a boy" and not said.loras


def test_a_picture_from_elsewhere_is_dressed_without_words(library, lora, tmp_path):
    photo().save(tmp_path / "photo.png")
    for source in (photo(), tmp_path / "photo.png"):
        request = wear(library, source)
        assert request.prompt == "" and request.lora is None
    copy = tmp_path / drawn(library, "a girl").path.name
    photo().save(copy)
    assert wear(library, copy).prompt == "", "of the same name, and not the library's"


def test_loras_that_are_gone_or_of_another_family_are_left_out(library, lora):
    gone = {"slug": "gone", "name": "Gone", "sha256": "0" * 64, "scale": 1.0}
    here = {"slug": "another name", "name": "Mika", "sha256": lora.sha256, "scale": 0.5}
    assert wear(library, drawn(library, "a girl", [gone, here]).path).lora == (LoraUse(lora.slug, 0.5, 0.5),)
    assert wear(library, drawn(library, "a girl", [gone]).path).lora is None
    apart = [{"slug": "another name", "unet": 0.8, "text_encoder": 0.0}]
    again = wear(library, drawn(library, "a girl", [here], lora=apart, lora_scale=0.5).path)
    assert again.lora == (LoraUse(lora.slug, 0.4, 0.0),), "as it was drawn, in the text encoders too"
    other = library.save_lora("Else", "", "sdxl", "sks cat", 2, 2.0, 4, write=lambda path: path.write_bytes(b"y"))
    foreign = {"slug": other.slug, "name": "Else", "sha256": other.sha256, "scale": 0.5}
    assert wear(library, drawn(library, "a girl", [foreign], family="sdxl").path).lora is None


def test_a_visitor_may_dress_as_many_pictures_as_they_may_draw(library):
    quota = Quota(count=4)
    TRY_ON.limit(WearRequest(["a.png"] * 2, "red-coat", count=2), quota, library)
    REPAINT.limit(RepaintRequest("a.png", "b.png", count=4), quota, library)
    with pytest.raises(ValueError, match="pictures times count may be at most 4, got 6"):
        TRY_ON.limit(WearRequest(["a.png"] * 2, "red-coat", count=3), quota, library)
    with pytest.raises(ValueError, match="count may be at most 4, got 5"):
        REPAINT.limit(RepaintRequest("a.png", "b.png", count=5), quota, library)


def test_a_request_of_the_wrong_size_leaves_no_run_behind(tmp_path):
    with studio.open(tmp_path / "library") as desk:
        for request in (
            RepaintRequest(photo(), mask_of((64, 64), (0, 0, 9, 9))),
            RepaintRequest("nowhere.png", "b.png"),
            WearRequest("nowhere.png", "hat"),
        ):
            with pytest.raises(ValueError, match="should be 128 x 128|is not there|There is no outfit"):
                desk.start(request)
        assert desk.runs() == []
