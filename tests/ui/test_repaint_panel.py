"""Repainting through the page's handlers and the API: what comes back, and what is said to nonsense."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageDraw

import app
import studio
from studio.contracts.recipes import OUTSIDE
from studio.library.family_files import built_in
from studio.session import EXAMPLES
from studio.tasks.repaint import INTENTS
from studio.ui.app import build, look
from studio.ui.tabs.dress import try_on_panel
from studio.ui.tabs.gallery.views import detail_view
from studio.ui.tabs.retouch.easel_pictures import url_of
from studio.ui.tabs.retouch.repaint import handlers as repainting
from studio.ui.tabs.retouch.repaint.views import before_of, fields_for, opening, painted_view, unchanged

POCKET = built_in()["pocket"]
with Image.open(max((EXAMPLES / "pictures").rglob("[!.]*.png"))) as sample:
    SIDE = sample.width


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("repainting") / "library", sample=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(desk):
    page = build(desk, app.Settings())
    _, url, _ = page.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", allowed_paths=desk.served, **look()
    )
    yield Client(url, verbose=False)
    page.close()


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    image = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(image).rectangle(tuple(part(place) for place in (44, 70, 84, 110)), fill=255)
    path = tmp_path_factory.mktemp("mask") / "mask.png"
    image.save(path)
    return path


def part(place):
    """A place in a picture of 128 px, in one of the sample library's."""
    return round(place * SIDE / 128)


def of_mika(desk):
    """Pictures of the sample library that were drawn with its LoRA."""
    return [one for one in desk.library.pictures() if one.recipe.loras and "mask" not in one.recipe.request]


def test_repaint_changes_the_picture_inside_of_the_mask_alone(client, desk, mask):
    first = desk.library.pictures()[-1]
    (told,) = client.predict(first.id, handle_file(mask), prompt="a red jacket", steps=3, seed=1, api_name="/repaint")
    painted = np.asarray(Image.open(told["file"]).convert("RGB"), dtype=int)
    changed = (painted != np.asarray(first.image)).any(axis=2)
    far = np.ones((SIDE, SIDE), dtype=bool)
    far[part(60) : part(121), part(34) : part(95)] = False
    assert changed[part(75) : part(105), part(49) : part(80)].mean() > 0.9 and not changed[far].any()
    assert told["recipe"]["estimates"][OUTSIDE] == 0 and told["recipe"]["request"]["type"] == "RepaintRequest"
    again = client.predict(told["id"], api_name="/replay")
    assert np.array_equal(np.asarray(Image.open(again["file"]).convert("RGB")), painted)


def test_wear_dresses_several_pictures_and_takes_their_own_words(client, desk):
    pictures = of_mika(desk)[:2]
    told = client.predict([one.id for one in pictures], "red-coat", steps=3, seed=1, api_name="/wear")
    assert len(told) == 2
    assert [one["recipe"]["outfits"][0]["slug"] for one in told] == ["red-coat"] * 2
    assert all("sks girl" in one["recipe"]["request"]["prompt"] for one in told)
    assert all(one["recipe"]["loras"][0]["slug"] == "mika" for one in told)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outfit": "a-ball-gown"}, "There is no outfit 'a-ball-gown'"),
        ({"strength": 7}, "strength must be 0.05 to 1, got 7"),
        ({"masked_content": "noise"}, "masked_content must be one of original, surroundings"),
        ({"feather": -1}, "feather must be 0 to 512"),
        ({"lora": "nobody"}, "There is no LoRA 'nobody'"),
    ],
)
def test_nonsense_is_answered_with_a_sentence(client, desk, mask, given, said):
    with pytest.raises(AppError, match=said):
        client.predict(desk.library.pictures()[-1].id, handle_file(mask), prompt="x", **given, api_name="/repaint")


def test_a_mask_that_is_empty_whole_or_of_another_size_is_refused(client, desk, tmp_path):
    picture = desk.library.pictures()[-1].id
    for image, said in (
        (Image.new("L", (SIDE, SIDE)), "The mask is empty"),
        (Image.new("L", (SIDE, SIDE), 255), "covers the whole picture"),
        (Image.new("L", (64, 64), 255), f"64 x 64 px and should be {SIDE} x {SIDE}"),
    ):
        image.save(tmp_path / "mask.png")
        with pytest.raises(AppError, match=said):
            client.predict(picture, handle_file(tmp_path / "mask.png"), prompt="x", api_name="/repaint")


def test_a_repainted_picture_gives_its_settings_back_to_draw(client, desk, mask):
    (told,) = client.predict(
        desk.library.pictures()[-1].id, handle_file(mask), prompt="a red jacket", steps=2, api_name="/repaint"
    )
    settings = client.predict(handle_file(told["file"]), api_name="/read_recipe")
    assert settings["request"]["prompt"] == "a red jacket" and settings["request"]["steps"] == 2
    assert "painted over another picture" in settings["remarks"][0]


def test_a_picture_brings_its_words_without_its_clothes_and_its_lora(desk):
    drawn = of_mika(desk)[0]
    told = fields_for(desk, drawn, POCKET)
    assert "sks girl" in told["prompt"] and (told["lora"], told["lora_scale"]) == ("mika", 1.0)


def test_each_intent_says_the_settings_that_it_stands_for(desk):
    for name, meant in INTENTS.items():
        told = repainting.intended(desk, name, "")
        assert f"Strength {meant.strength:g}" in told["about"]
        assert (told["strength"], told["masked_content"], told["padding"]) == (
            meant.strength,
            meant.masked_content,
            None,
        )
        assert bool(told["outfits"]) == meant.wears


def test_what_came_and_went_meanwhile_is_seen_when_the_tab_opens(desk):
    told = repainting.refresh(desk, "pocket", "mika", "outfit", "sunday-dress", "anew")
    assert told["lora"].value == "mika" and told["outfit"] == "sunday-dress" and "Sunday dress" in told["outfits"]
    assert repainting.refresh(desk, "pocket", "mika", "outfit", "", told["listed"]) == {}, (
        "a late answer undoes nothing"
    )
    told = repainting.refresh(desk, "pocket", "gone", "detail", "burnt", "anew")
    assert (told["lora"].value, told["outfit"], told["outfits"]) == ("", "", "")
    told = repainting.of_family(desk, "sdxl", "mika", "outfit", "")
    assert (told["steps"], told["guidance"], told["scheduler"].value) == (30, 6.0, "DPM++ 2M")


def test_what_a_browser_kept_may_be_anything(desk):
    for drafts in ({}, {"intent": "fly", "outfit": 7, "prompt": ["x"]}, {"outfit": "gone"}, {"intent": "remove"}):
        told = opening(desk, POCKET, "", drafts)
        assert told["intent"] in INTENTS and told["about"] and told["outfit"] in {"", "red-coat", "sunday-dress"}


@pytest.mark.parametrize(
    "kept, who", [({"lora": ""}, ""), ({"lora": "mika"}, "mika"), ({"lora": "gone"}, "of Draw"), ({}, "of Draw")]
)
def test_a_reload_leaves_who_is_repainted_as_it_was(desk, kept, who):
    assert opening(desk, POCKET, "of Draw", kept)["lora"].value == who


def test_nobody_is_nobody_and_not_whoever_the_picture_was_drawn_with():
    fields = {"prompt": "a girl", "lora": None, "padding": None, "masked_content": "original"}
    for who, lora in ((None, ()), ("mika", "mika")):
        given = {**fields, "lora": who}
        assert repainting._request(Path("a.png"), None, "red-coat", "pocket", INTENTS["outfit"], given).lora == lora


def test_a_run_that_failed_shows_the_reason_and_what_was_finished(desk, monkeypatch):
    picture, plain = desk.library.pictures()[-1].path, Image.new("RGB", (128, 128), "white")
    run = desk.start(studio.WearRequest([picture, plain, picture], "red-coat", steps=1, seed=1))
    run.wait(120)
    shown = painted_view(desk, run.id, "")
    assert shown.count("<figure") == 2 and "every pixel" in shown
    monkeypatch.setattr(type(run), "status", "failed")
    monkeypatch.setattr(type(run), "message", "Out of memory: take a smaller picture.")
    shown = painted_view(desk, run.id, "")
    assert shown.count("<figure") == 2 and "Out of memory" in shown


def test_what_is_removed_is_painted_over_without_words_or_lora():
    given = {"prompt": "a girl", "lora": "mika", "padding": None, "masked_content": "surroundings"}
    asked = repainting._request(Path("a.png"), Image.new("L", (8, 8), 255), "", "pocket", INTENTS["remove"], given)
    assert asked.prompt == "" and asked.lora is None


def test_a_mask_of_nearly_everything_is_asked_about_once(desk):
    picture, wide = desk.library.pictures()[-1], Image.new("L", (SIDE, SIDE), 255)
    ImageDraw.Draw(wide).rectangle((0, 0, SIDE, SIDE // 16), fill=0)
    act = {"act": "repaint", "ref": f"pictures/{picture.id}", "mask": url_of(wide)}
    form = {"prompt": "a girl", "lora": None, "steps": 1, "padding": None, "masked_content": "original"}

    def press(asked_about):
        with ThreadPoolExecutor() as pool:  # this thread's loop is Playwright's once a browser journey has run
            starting = repainting.start(desk, act, "pocket", "detail", "", asked_about, **form)
            return pool.submit(asyncio.run, starting).result()

    before = len(desk.runs(kind="repaint"))
    asked = press("")
    assert "93% of the picture" in asked["easel"] and '"sure"' in asked["easel"]
    assert len(desk.runs(kind="repaint")) == before
    begun = press(asked["asked_about"])
    assert '"painting"' in begun["easel"]
    desk.run(begun["run"]).cancel()


def test_the_easel_hears_once_that_a_painting_is_done(desk, mask):
    run = desk.start(studio.RepaintRequest(desk.library.pictures()[-1].path, mask, "a red jacket", steps=1))
    run.wait(60)
    told = repainting.look(desk, run.id, "", {"rests": (run.id, False)})
    assert '"painted"' in told["easel"] and told["seen"]["rests"] == (run.id, True)
    assert repainting.look(desk, run.id, "", told["seen"]) == {}


def test_the_page_tells_how_far_round_the_mask_new_and_old_are_joined():
    recipe = studio.Recipe(request={"feather": 8}, estimates={OUTSIDE: 0})
    told = unchanged([studio.Picture("x", Path("x.png"), recipe, False, "")])
    assert "unchanged, every pixel" in told and "in the 8 pixels round it" in told


def test_the_page_says_when_something_outside_did_change(desk):
    recipe = studio.Recipe(request={}, estimates={OUTSIDE: 3})
    picture = studio.Picture("x", Path("x.png"), recipe, False, "")
    assert "3 pixels changed" in unchanged([picture])
    assert unchanged([]) == ""


def test_pictures_are_ticked_and_unticked(desk):
    id = desk.library.pictures()[0].id
    told = try_on_panel.tick(desk, {"slug": id}, [])
    assert told["ticked"] == [id] and 'aria-pressed="true"' in told["shelf"]
    assert try_on_panel.tick(desk, {"slug": id}, told["ticked"])["ticked"] == []
    told = try_on_panel.tick_all(desk, {})
    shown = {one.id for one in desk.library.pictures()[: try_on_panel.SHOWN]}
    assert set(told["ticked"]) == shown and "Tick none" in told["shelf"]
    assert try_on_panel.tick_none(desk, {})["ticked"] == []


def test_what_is_ticked_stays_in_sight(desk, monkeypatch):
    monkeypatch.setattr(try_on_panel, "SHOWN", 2)
    pictures = desk.library.pictures()
    shelf = try_on_panel.shelf_view(desk, [pictures[4].id])
    assert shelf.count("small-picture") - 1 == 3 and f'"{pictures[4].id}"' in shelf and "Tick all" in shelf


def test_a_repainted_picture_hangs_in_the_gallery_beside_what_it_was(desk, mask):
    asked = studio.RepaintRequest(desk.library.pictures()[-1].path, mask, "a red jacket", steps=1)
    (picture,) = desk.start(asked).result()
    before = before_of(desk, picture)
    assert before and before.stem in detail_view(picture, "", before)
    assert before_of(desk, desk.library.pictures()[-1]) is None
