"""The easel's answers, and the endpoints for masks: what they take, and what nobody may reach through them."""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from gradio import processing_utils
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageDraw

import app
import studio
from studio.contracts.requests import DrawRequest, MaskRequest
from studio.library.family_files import built_in
from studio.settings import Settings
from studio.ui.app import build, look
from studio.ui.tabs.retouch.easel_pictures import canvas_size
from studio.ui.tabs.retouch.handlers import EASEL_ACTS
from studio.ui.tabs.retouch.views import known

SDXL = built_in()["sdxl"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("retouch") / "library") as opened:
        opened.library.save_picture(
            Image.new("RGB", (64, 48), "navy"),
            studio.Recipe(
                request={"type": "DrawRequest", **vars(DrawRequest(prompt="a girl", seed=7))},
                family={"name": "pocket", "title": "Pocket", "sha256": "0" * 64},
            ),
        )
        yield opened


@pytest.fixture
def ref(desk):
    return f"pictures/{desk.library.pictures()[0].id}"


def asked(desk, **act):
    """The easel's answer to an act, or None."""
    handler = EASEL_ACTS[act["act"]]
    page = {"family": "pocket", "prompt": "typed"}
    given = {name: value for name, value in page.items() if name in inspect.signature(handler).parameters}

    async def answered():
        return await handler(desk, act, **given)

    if inspect.iscoroutinefunction(handler):
        with ThreadPoolExecutor() as pool:  # this thread's loop is Playwright's once a browser journey has run
            answer = pool.submit(asyncio.run, answered()).result()
    else:
        answer = handler(desk, act, **given)
    return json.loads(answer["easel"]) if answer else None


def disc(size=(64, 48)):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((16, 8, 47, 39), fill=255)
    return mask


def as_url(image):
    data = io.BytesIO()
    image.save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def read(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("L")


def test_a_page_that_opens_is_told_what_the_family_can_find_and_gets_its_picture_back(desk, ref):
    answer = asked(desk, act="hello", ref=ref)
    assert answer["kind"] == "opened" and (answer["picture"]["width"], answer["picture"]["height"]) == (64, 48)
    assert "clothing" in answer["family"]["words"] and answer["family"]["box_threshold"] == 0.4
    gone = asked(desk, act="hello", ref="pictures/20200101-000000-000000-abcd")
    assert gone["kind"] == "gone" and "picture" not in gone


def test_a_picture_that_no_lora_drew_comes_onto_the_easel_with_its_words(desk):
    told = EASEL_ACTS["newest"](desk, {"act": "newest", "id": 1}, family="pocket")
    assert (told["prompt"], told["lora"], told["lora_scale"]) == ("a girl", "", 1.0)


def test_a_family_from_the_hub_says_what_will_be_fetched(desk):
    told = known(SDXL)
    assert told["segmenters"][0] == "SAM huge" and told["segmenter"] == "SAM huge"
    assert "IDEA-Research/grounding-dino-tiny" in told["note"] and "GB" in told["note"]
    assert known(desk.family)["note"] == ""


@pytest.mark.parametrize("operation", ["grow", "shrink", "feather", "fill", "clean", "invert"])
def test_the_mask_is_changed_and_keeps_its_size(desk, ref, operation):
    answer = asked(desk, act="edit", ref=ref, mask=as_url(disc()), operation=operation, pixels=3)
    expected = studio.masks.operated(disc(), operation, 3)
    assert read(answer["mask"]).tobytes() == expected.tobytes()


def test_a_mask_with_opacity_as_the_browser_paints_it_is_read(desk, ref):
    painted = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    painted.putalpha(disc())
    assert (
        read(asked(desk, act="edit", ref=ref, mask=as_url(painted), operation="fill", pixels=1)["mask"]).tobytes()
        == disc().tobytes()
    )


def test_the_saved_mask_has_the_picture_s_own_size_even_where_the_easel_was_smaller(desk):
    large = desk.library.keep_image(Image.new("RGB", (3000, 1500), "white"))
    assert canvas_size((3000, 1500)) == (2048, 1024)
    mask = Image.new("L", (2048, 1024))
    ImageDraw.Draw(mask).rectangle((0, 0, 1023, 1023), fill=255)
    answer = asked(desk, act="export", ref=f"images/{large.name}", mask=as_url(mask))
    saved = Image.open(Path(answer["url"].partition("file=")[2]))
    assert saved.size == (3000, 1500) and saved.mode == "L"
    assert abs((np.asarray(saved) > 127).mean() - 0.5) < 0.01


@pytest.mark.parametrize(
    "act, said",
    [
        ({"act": "edit", "mask": "", "operation": "grow", "pixels": 3}, "did not arrive whole"),
        ({"act": "edit", "mask": as_url(disc((32, 32))), "operation": "grow", "pixels": 3}, "did not arrive whole"),
        ({"act": "edit", "mask": as_url(disc()), "operation": "melt", "pixels": 3}, "operation must be one of"),
        ({"act": "edit", "mask": as_url(disc()), "operation": "grow", "pixels": None}, "Say by how many pixels"),
        ({"act": "edit", "mask": as_url(disc()), "operation": "grow", "pixels": 10_000}, "pixels must be 0 to 512"),
        ({"act": "open_file", "path": "/etc/hostname"}, "only uploaded files are taken"),
        ({"act": "import", "path": "/etc/hostname"}, "only uploaded files are taken"),
        ({"act": "find", "phrases": ""}, "Say what to find"),
        ({"act": "find", "phrases": "🎩"}, "Name what to find in words"),
        ({"act": "find", "phrases": "hair", "box_threshold": 7}, "box_threshold must be 0 to 1"),
        ({"act": "point", "points": "nonsense"}, "points must be a list"),
    ],
)
def test_an_act_that_cannot_be_is_refused_in_a_sentence(desk, ref, act, said):
    with pytest.raises(ValueError, match=said):
        asked(desk, **{"ref": ref, **act})


@pytest.mark.parametrize(
    "ref, said",
    [
        ("", "Open a picture first"),
        ("/etc/hostname", "no such picture"),
        ("images/../secret.png", "There is no image"),
        ("images/.new-1.png", "There is no image"),
        ("pictures/../../secret", "There is no picture"),
        ("pictures/../secret", "There is no picture"),
        ("loras/secret.png", "no such picture"),
    ],
)
def test_only_pictures_of_this_library_come_onto_the_easel(desk, ref, said):
    (desk.library.root / "images").mkdir(exist_ok=True)
    for hidden in ("secret.png", "images/.new-1.png"):
        disc().save(desk.library.root / hidden)
    with pytest.raises(ValueError, match=said):
        asked(desk, act="export", ref=ref, mask=as_url(disc()))


def test_pixels_are_those_of_the_picture_where_the_easel_is_smaller(desk):
    large = desk.library.keep_image(Image.new("RGB", (4096, 64), "white"))
    mask = Image.new("L", (2048, 32))
    ImageDraw.Draw(mask).rectangle((500, 0, 1499, 31), fill=255)
    answer = asked(desk, act="edit", ref=f"images/{large.name}", mask=as_url(mask), operation="grow", pixels=20)
    assert studio.masks.box_of(read(answer["mask"])) == (490, 0, 1510, 32)


def test_an_answer_repeats_the_number_of_its_question(desk, ref):
    answer = asked(desk, act="edit", ref=ref, mask=as_url(disc()), operation="fill", pixels=1, question=7)
    assert answer["question"] == 7


def test_a_visitor_does_not_reach_another_visitor_s_picture(desk, ref):
    with desk.visit(sample=False) as visitor, pytest.raises(ValueError, match="There is no picture"):
        asked(visitor, act="export", ref=ref, mask=as_url(disc()))


def test_a_pil_image_is_kept_in_the_library_by_its_content(desk):
    image = Image.linear_gradient("L").convert("RGB")
    first = desk.library.keep_image(image)
    assert desk.library.keep_image(image.copy()) == first and first.parent.name == "images"
    run = desk.start(MaskRequest(image, "clothing"))
    assert run.request.picture == str(first) and (run.request.box_threshold, run.request.text_threshold) == (0.4, 0.3)
    run.cancel()


@pytest.fixture(scope="module")
def client(desk):
    page = build(desk, Settings(library=desk.library.root))
    options = app.launch_options(desk, Settings(), port=0) | {"server_port": None, "quiet": True}
    _, url, _ = page.queue(max_size=32).launch(**look(), **options, prevent_thread_lock=True)
    yield Client(url, verbose=False)
    page.close(verbose=False)


def uploaded(tmp_path, image, name="mask.png"):
    image.save(tmp_path / name)
    return handle_file(tmp_path / name)


def test_find_masks_takes_the_fields_of_its_request(client):
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/find_masks"]["parameters"]
    assert [one["parameter_name"] for one in told] == [field.name for field in fields(MaskRequest)]


def test_masks_are_edited_and_combined_through_the_api(client, tmp_path):
    wider = client.predict(uploaded(tmp_path, disc()), "grow", 4, api_name="/edit_mask")
    assert Image.open(wider["file"]).tobytes() == studio.masks.grown(disc(), 4).tobytes()
    rim = client.predict(handle_file(wider["file"]), uploaded(tmp_path, disc()), "take", api_name="/combine_masks")
    assert Image.open(rim["file"]).tobytes() == studio.masks.without(studio.masks.grown(disc(), 4), disc()).tobytes()
    assert 0 < rim["share"] < wider["share"] and len(rim["notes"]) == 2
    assert wider["notes"][0].startswith("White is repainted")
    off = disc().point(lambda value: max(value, 4))
    told = client.predict(uploaded(tmp_path, off), "clean", api_name="/edit_mask")
    assert told["share"] == studio.masks.share_of(disc()) and "4 of 255" in told["notes"][0]


@pytest.mark.parametrize(
    "given, said",
    [
        ({"phrases": ""}, "Say what to find"),
        ({"phrases": "шляпа 🎩", "box_threshold": 2}, "box_threshold must be 0 to 1"),
        ({"picture": "no-such-picture", "phrases": "hair"}, "There is no picture"),
        ({"picture": {"path": "/etc/hostname"}, "phrases": "hair"}, "uploaded"),
        ({"points": [[900, 5, 1]]}, "The point 900, 5 lies outside"),
        ({"box": [0, 0, 1]}, "box must be"),
        ({"phrases": "hair", "segmenter": "SAM 9"}, "There is no segmenter 'SAM 9'; known are Pocket SAM"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_a_sentence(client, desk, given, said):
    with pytest.raises(AppError, match=said) as refused:
        client.predict(**{"picture": desk.library.pictures()[0].id, **given}, api_name="/find_masks")
    assert "Traceback" not in str(refused.value)


def test_masks_that_do_not_belong_together_are_refused(client, tmp_path):
    mask, other = uploaded(tmp_path, disc()), uploaded(tmp_path, disc((18, 20)), "other.png")
    with pytest.raises(AppError, match="a mask must have the picture's size"):
        client.predict(mask, other, api_name="/combine_masks")
    with pytest.raises(AppError, match="how must be add or take"):
        client.predict(mask, mask, "melt", api_name="/combine_masks")


def test_an_upload_becomes_the_picture_on_the_easel(desk, tmp_path):
    folder = Path(processing_utils.get_upload_folder()) / "x"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (40, 30), (255, 0, 0, 90)).save(folder / "mine.png")
    answer = asked(desk, act="open_file", path=str(folder / "mine.png"), name="mine.png")
    assert (answer["picture"]["width"], answer["picture"]["height"]) == (40, 30)
    assert "transparent parts lie on white" in answer["note"]


def test_what_cannot_be_searched_is_refused_before_anything_runs(desk, tmp_path):
    turned = Image.new("RGB", (60, 40), "red")
    exif = turned.getexif()
    exif[0x0112] = 6  # a phone held upright
    turned.save(tmp_path / "turned.jpg", exif=exif)
    desk.start(MaskRequest(tmp_path / "turned.jpg", points=[[35, 55, 1]])).cancel()
    with pytest.raises(ValueError, match="lies outside of the picture of 40 x 60 px"):
        desk.start(MaskRequest(tmp_path / "turned.jpg", points=[[55, 35, 1]]))
    with pytest.raises(ValueError, match="is not there"):
        desk.start(MaskRequest(tmp_path / "nothing.png", "hair"))
    (tmp_path / "junk.png").write_bytes(b"junk")
    with pytest.raises(ValueError, match="is not a picture"):
        desk.start(MaskRequest(tmp_path / "junk.png", "hair"))
