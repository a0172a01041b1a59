"""Dress: what ticks, sliders and the dict do, before anything is drawn."""

import re

import pytest
from PIL import Image

import studio
from studio.contracts.recipes import BLEED, DRIFT
from studio.contracts.requests import DrawRequest, SetRequest
from studio.library.family_files import built_in
from studio.quotas import Quota
from studio.ui import estimate_tags
from studio.ui.api import family_endpoints
from studio.ui.loras import calling_who
from studio.ui.tabs.draw import handlers as draw
from studio.ui.tabs.draw import views as draw_views
from studio.ui.tabs.dress import cards
from studio.ui.tabs.dress import handlers as dress
from studio.ui.tabs.dress import views as dress_views
from studio.ui.tabs.dress.block_scales import handlers as scales
from studio.ui.tabs.dress.block_scales.views import scales_of, shown, uses
from studio.ui.tabs.dress.set_grid import set_view
from studio.ui.tabs.dress.views import opening
from studio.ui.tabs.retouch.repaint import handlers as repainting
from studio.ui.tabs.retouch.repaint import views as repaint_views

POCKET, SD15, SDXL = built_in()["pocket"], built_in()["sd15"], built_in()["sdxl"]

REFERENCE = {"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def desk(tmp_path):
    with studio.open(tmp_path / "library", sample=False) as opened:
        for name in ("Red coat", "Hat"):
            opened.library.add_outfit(name, Image.new("RGB", (64, 64), "red"))
        yield opened


def changed(desk, act, acts=None, outfit=""):
    handler = {"preset": scales.take_preset, "scale": scales.scale, "forget": scales.forget}[act["act"]]
    return handler(desk, act, acts or {}, outfit, "pocket")["acts"]


def test_a_preset_a_slider_and_the_dict_say_the_same(desk):
    acts = changed(desk, {"act": "preset", "name": "Both, gently"})
    assert acts[""]["block_scales"] == REFERENCE
    acts = changed(desk, {"act": "scale", "layer": "up.block_0.1", "value": "0.5"}, acts)
    assert acts[""]["block_scales"]["up"] == {"block_0": [0.0, 0.5, 0.0]}
    told = scales.write_scales(desk, str(REFERENCE), acts, "", "pocket")
    view = told["blocks"]
    assert told["text"] == '{"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}'
    assert re.search(r'class="chip taken"[^>]*data-name="Both, gently"', view)
    assert re.search(r'value="0.85"[^>]*data-layer="up.block_0.1"', view)


def test_a_dict_that_does_not_fit_says_what_would_and_changes_nothing(desk):
    for text, why in (
        ('{"up": {"block_7": 1}}', "no 'block_7' in up; it has block_0, block_1"),
        ("{up: 1}", "Write block scales as a number, or as a dict"),
        ('{"up": {"block_0": [1, 2]}}', "has 3 layers"),
    ):
        with pytest.raises(ValueError, match=why):
            scales.write_scales(desk, text, {}, "", "pocket")


def test_every_outfit_may_act_in_its_own_way_and_the_others_as_all_do(desk):
    acts = changed(desk, {"act": "preset", "name": "Style"})
    acts = changed(desk, {"act": "preset", "name": "Whole picture"}, acts, "hat")
    coat, hat = uses(["red-coat", "hat"], acts, POCKET)
    assert coat.block_scales == POCKET.outfit_presets["Style"] and hat.block_scales == 1.0
    (elsewhere,) = uses(["red-coat"], acts, SD15)
    assert elsewhere.block_scales is None, "another family has other blocks"


def test_what_is_shown_is_what_is_drawn(desk):
    acts = scales.note_span(desk, 0.2, 0.8, {}, "hat", "pocket")["acts"]
    acts = changed(desk, {"act": "preset", "name": "Style"}, acts)
    (use,) = uses(["hat"], acts, POCKET)
    seen = shown(desk, acts, "hat", "pocket")
    assert use.block_scales == POCKET.outfit_presets["Style"] == scales_of(desk, acts, "hat", POCKET)
    assert (use.start, use.end) == (seen["start"], seen["end"]) == (0.2, 0.8)


def test_presets_are_kept_in_the_library_and_come_with_an_outfit(desk):
    acts = changed(desk, {"act": "scale", "layer": "mid", "value": "0.7"})
    text = str(scales_of(desk, acts, "", POCKET))
    scales.keep_preset(desk, "Middle", text, acts, "", "pocket")
    kept = desk.library.block_presets("pocket")["Middle"]
    assert changed(desk, {"act": "preset", "name": "Middle"})[""]["block_scales"] == kept
    with pytest.raises(ValueError, match="Style is a preset of Pocket itself"):
        scales.keep_preset(desk, " Style ", text, acts, "", "pocket")
    with pytest.raises(ValueError, match="Choose an outfit under Of"):
        scales.keep_with_outfit(desk, text, acts, "", "pocket")
    scales.keep_with_outfit(desk, str(REFERENCE), {}, "hat", "pocket")
    assert scales_of(desk, {}, "hat", POCKET) == REFERENCE
    assert scales_of(desk, {}, "hat", SDXL) == next(iter(SDXL.outfit_presets.values()))
    changed(desk, {"act": "forget", "name": "Middle"})
    assert desk.library.block_presets("pocket") == {}
    scales.as_usual(desk, {}, "hat", "pocket")
    assert desk.library.outfit("hat").block_scales == {}


def test_what_a_request_leaves_open_is_settled_before_it_starts(desk):
    desk.edit_outfit("hat", block_scales=REFERENCE)
    run = desk.start(DrawRequest("a girl", outfit=["hat", "red-coat"], seed=1))
    run.cancel()
    hat, coat = run.request.outfits
    assert hat.block_scales == REFERENCE and hat.adapter == "Outfit"
    assert coat.block_scales == next(iter(POCKET.outfit_presets.values()))


@pytest.mark.parametrize(
    "request_, why",
    [
        (SetRequest("a girl", ["beach"], outfits=["coat"]), "no outfit 'coat'; known are hat, red-coat"),
        (DrawRequest("a girl", outfit=[{"slug": "hat", "block_scales": {"up": {"block_9": 1}}}]), "no 'block_9' in up"),
        (
            DrawRequest("a girl", outfit=[{"slug": "hat", "adapter": "Face"}]),
            "no image adapter 'Face'; known are Outfit",
        ),
    ],
)
def test_what_cannot_be_worn_says_why(desk, request_, why):
    with pytest.raises(ValueError, match=why):
        desk.start(request_)


def test_ticks_keep_the_order_of_the_page_and_say_what_they_come_to(desk):
    chosen = dress.tick_outfit(desk, {"slug": "red-coat"}, "", ["hat"], ["beach"], 1, False)["chosen"]
    assert chosen == ["red-coat", "hat"]
    chosen = dress.tick_outfit(desk, {}, "", chosen, ["beach"], 1, False)["chosen"]
    assert chosen[-1] == "", "as they are"
    assert "3 outfits in 2 scenes, 2 seeds: 12 pictures" in cards.plan_view(chosen, ["beach", "snow"], 2, False)
    assert "2 outfits worn together in 1 scene: 2 pictures" in cards.plan_view(chosen, ["beach"], 1, True)
    assert "Tick an outfit first" in cards.plan_view([], ["beach"], 1, False)


def test_an_outfit_is_removed_only_once_that_was_asked_and_a_scene_s_words_stay_to_hand(desk):
    told = dress.ask_outfit(desk, {"slug": "hat"}, "hat", ["hat"], [], 1, False)
    assert told["asked"] == "hat" and "Remove Hat for good?" in told["wardrobe"]
    assert len(desk.library.outfits()) == 2
    told = dress.remove_outfit(desk, {"slug": "hat"}, "hat", ["hat"], [], 1, False)
    assert told["chosen"] == [] and [outfit.slug for outfit in desk.library.outfits()] == ["red-coat"]
    told = dress.remove_scene(desk, {"slug": "snow"}, [], ["snow"], 1, False)
    assert (told["scenes"], told["scene_name"], told["scene_prompt"]) == ([], "Snow", "in the snow")
    assert dress.add_scene(desk, "Snow", "in the snow", [], [], 1, False)["scenes"] == ["snow"]


def test_the_words_call_whoever_is_chosen_and_keep_the_rest(desk):
    for name, trigger in (("Mika", "sks girl"), ("Leo", "ohwx boy"), ("Pixel art", "pixel art")):
        desk.library.save_lora(name, "", "pocket", trigger, 4, 4.0, 1, write=lambda path: path.write_bytes(b"x"))
    for chosen, typed, calls in (
        ("leo", "a cartoon of sks girl in pixel art, waving", "a cartoon of ohwx boy in pixel art, waving"),
        ("leo", "ohwx boy, waving", "ohwx boy, waving"),
        ("leo", "a cartoon of a girl, waving", "a cartoon of ohwx boy, waving"),
        ("", "a cartoon of sks girl beside a girl", "a cartoon of a girl beside a girl"),
        ("leo", "a knight on a horse", "ohwx boy, a knight on a horse"),
        ("", "a knight", "a knight"),
        ("leo", " ", "a cartoon of ohwx boy"),
        ("mika", "ohwx boy, sks girl, a cartoon of ohwx boy", "a cartoon of sks girl"),
        ("pixel-art", "a cartoon of sks girl", "a cartoon of a girl, pixel art"),
    ):
        said = calling_who(desk, POCKET, typed, chosen)
        assert said == calls == calling_who(desk, POCKET, said, chosen)
        assert dress.call_them(desk, chosen, typed, "", "pocket") == {"prompt": calls}
        assert draw.choose_who(desk, chosen, typed, "pocket", "", "")["prompt"] == calls
        if typed.strip():
            assert repainting.call_them(desk, chosen, typed, "pocket") == {"prompt": calls}
    assert calling_who(desk, POCKET, "sks girl, ohwx boy", "leo", ["mika"]) == "sks girl, ohwx boy"
    assert repainting.call_them(desk, "leo", "", "pocket") == {"prompt": ""}


def test_however_often_somebody_else_is_chosen_the_words_do_not_pile_up(desk):
    for name, trigger in (("Mika", "sks girl"), ("Leo", "ivq boy"), ("Rolf", "zvj hedgehog")):
        desk.library.save_lora(name, "", "pocket", trigger, 4, 4.0, 1, write=lambda path: path.write_bytes(b"x"))
    prompt = "a cartoon of sks girl, waving"
    for chosen in ("leo", "rolf", "", "rolf", "leo", "leo", "mika"):
        prompt = calling_who(desk, POCKET, prompt, chosen)
        assert sum(trigger in prompt for trigger in ("sks girl", "ivq boy", "zvj hedgehog")) == bool(chosen)
    assert prompt == "a cartoon of sks girl, waving"


def test_a_trigger_that_is_missing_or_somebody_else_s_is_said(desk):
    for name, trigger in (("Mika", "sks girl"), ("Leo", "ivq boy")):
        desk.library.save_lora(name, "", "pocket", trigger, 4, 4.0, 1, write=lambda path: path.write_bytes(b"x"))
    for note_on in (
        lambda prompt, lora: draw_views.note_on(desk, prompt, lora, "pocket", "", ""),
        lambda prompt, lora: dress_views.note_on(desk, prompt, lora, "", "pocket"),
        lambda prompt, lora: repaint_views.note_on(desk, prompt, lora, "pocket"),
        lambda prompt, lora: family_endpoints.check_prompt(desk, prompt, lora or None)["note"],
    ):
        assert note_on("a cartoon of sks girl, waving", "mika") == note_on("a cartoon of a girl", "") == ""
        missing = note_on("a cartoon of a girl, waving", "mika")
        assert "sks girl" in missing and "the trigger of Mika" in missing
        assert "calls Leo, who is not chosen" in note_on("a cartoon of sks girl and ivq boy", "mika")
        assert "calls Leo" in note_on("a cartoon of ivq boy", "")
    assert draw_views.note_on(desk, "sks girl and ivq boy", "mika", "pocket", "leo", "") == ""


def test_a_page_opens_with_as_much_as_a_visitor_may_draw_and_past_a_damaged_set(desk, tmp_path):
    (desk.library.root / "sets" / "abc").mkdir(parents=True)
    (desk.library.root / "sets" / "abc" / "set.json").write_text('{"title": "x", "request": {"moons": 3}, "cells": {}}')
    for number in range(4):
        desk.library.add_outfit(f"Coat {number}", Image.new("RGB", (64, 64)))
    with studio.open(tmp_path / "host", sample=False, quota=Quota(set_count=10)) as host:
        visitor = host.visit(desk.library.root)
        first = opening(visitor, POCKET, "")
        left = {"lora": "gone", "prompt": "a knight", "chosen": ["hat", "gone", ""], "scenes": ["snow"]}
        left |= {"acts": {"": {"start": 5}}, "seeds": 2, "together": True}
        again = opening(visitor, POCKET, "", left)
    assert len(first["chosen"]) == 2 and len(first["scenes"]) == 5
    kept = {"prompt": "a knight", "chosen": ["hat", ""], "scenes": ["snow"], "acts": {}, "seeds": 2, "together": True}
    assert {name: again[name] for name in kept} == kept
    assert "on this shared host a set may have 10" in cards.plan_view(["a", "b", "c"], first["scenes"], 1, False, 10)


def test_a_family_that_is_told_twice_calls_the_same_person(desk):
    slug = desk.library.save_lora(
        "Mika", "", "pocket", "sks girl", 4, 4.0, 1, write=lambda path: path.write_bytes(b"x")
    ).slug
    view = {
        "style": "",
        "acts": {},
        "outfit": "",
        "chosen": [],
        "scenes": [],
        "seeds": 1,
        "together": False,
        "listed": "before",
    }
    browser = {"lora": slug, "prompt": "a cartoon of sks girl"}  # does not change between the two
    first = dress.of_family(desk, "sdxl", **browser, **view)
    again = dress.of_family(desk, "sdxl", **browser, **view)
    assert first["prompt"] == again["prompt"] == "a cartoon of a girl"
    asked = {"lora": "", "prompt": "typed meanwhile", **view, "listed": first["listed"]}
    assert dress.refresh(desk, "sdxl", **asked) == {}, "a late answer undoes nothing that was typed or ticked"


def test_what_an_outfit_did_to_the_rest_is_told_in_words_with_the_figure_behind(desk):
    told = estimate_tags.tags({BLEED: 1.0, DRIFT: 0.2})
    assert "colours kept" in told and "look changed<" in told and "Palette bleed 1:" in told
    assert estimate_tags.tags({}) == ""


def test_nothing_from_outside_becomes_markup(desk):
    outfit = desk.library.add_outfit(EVIL, Image.new("RGB", (64, 64)))
    scene = desk.library.add_scene(EVIL, EVIL)
    desk.library.save_block_preset("pocket", EVIL, 1.0)
    asked = SetRequest(EVIL, [scene.slug], outfits=[outfit.slug], seed=1)
    desk.library.keep_set(asked, EVIL)
    told = [
        cards.outfits_view(desk.library, [], ""),
        cards.outfits_view(desk.library, [], outfit.slug),
        cards.scenes_view([scene], []),
        set_view(desk, asked.id),
        shown(desk, {}, "", "pocket")["blocks"],
    ]
    for html in told:
        assert "<img src=x" not in html


def test_what_a_tab_does_not_read_is_said_there(desk):
    assert "3 prompts" in draw_views.note_on(desk, "a girl\na {cat|cup}", "", "pocket", "", "")
    assert "on Draw alone" in dress_views.note_on(desk, "a {cat|cup}", "", "", "pocket")
    assert "__hair__ is not read" in repaint_views.note_on(desk, "a girl with __hair__", "", "pocket")
    assert "read in 2 parts" in family_endpoints.check_prompt(desk, "red " * 60)["note"]
