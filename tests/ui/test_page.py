"""The page's own promises: forms are their requests, nothing from outside becomes markup, visitors keep apart."""

from dataclasses import fields
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

import studio
from studio.contracts.events import to_json
from studio.contracts.requests import DrawRequest, SetRequest, TrainRequest
from studio.contracts.sampling import LoraUse
from studio.execution.run import Run
from studio.settings import Settings
from studio.tasks.draw import DRAW
from studio.ui import charts, html, sidebar
from studio.ui.app import build, look
from studio.ui.form_values import fitting
from studio.ui.loras import NOBODY, apart, more_loras, together
from studio.ui.page_opening import DRAFTS, open_draw
from studio.ui.recipe_import import settings_of
from studio.ui.serializers import told_subject
from studio.ui.subject_actions import caption_note_for
from studio.ui.tabs.draw import handlers as draw
from studio.ui.tabs.draw import views as stage
from studio.ui.tabs.gallery import views as gallery
from studio.ui.tabs.subject import photo_grid
from studio.ui.tabs.train import handlers as train
from studio.ui.tabs.train.views import trainings
from studio.ui.training_report import report
from studio.ui.visitors import Visitors
from studio.ui.wiring import Wiring

EVIL = "<img src=x onerror=alert(1)>'\"&${alert(1)}{{this}}"


@pytest.fixture
def desk(tmp_path):
    with studio.open(tmp_path / "library") as opened:
        yield opened


def recipe(**asked):
    return studio.Recipe(
        request={"type": "DrawRequest", **vars(DrawRequest(**{"prompt": "a girl", **asked}))},
        family={"name": "pocket", "title": "Pocket", "sha256": "0" * 64},
    )


@pytest.mark.parametrize("missing", [field.name for field in fields(DrawRequest)])
def test_a_form_that_lacks_a_field_of_its_request_does_not_start(missing):
    with gr.Blocks():
        form = {field.name: gr.Textbox() for field in fields(DrawRequest) if field.name != missing}
        with pytest.raises(TypeError, match=missing):
            Wiring(lambda request: None).on(gr.Button().click, DrawRequest, lambda desk, request: None, form)


def test_the_forms_of_the_page_are_their_requests(desk, monkeypatch):
    forms, wire = {}, Wiring.on

    def noted(self, event, request, handler, form, *given, **options):
        forms[request] = set(form)
        return wire(self, event, request, handler, form, *given, **options)

    monkeypatch.setattr(Wiring, "on", noted)
    build(desk, Settings(library=desk.library.root))
    asked = (TrainRequest, DrawRequest, SetRequest)
    assert forms == {request: {field.name for field in fields(request)} for request in asked}
    assert set(DRAFTS) <= forms[DrawRequest]


@pytest.mark.parametrize(
    "kind, value, fits",
    [
        (int | None, 20.0, 20),
        (int | None, None, None),
        (str | None, "", None),
        (float, 1, 1),
        (bool, True, True),
    ],
)
def test_values_of_a_form_become_what_the_request_holds(kind, value, fits):
    assert fitting("it", kind, value) == fits


@pytest.mark.parametrize(
    "kind, value",
    [
        (int, 1.5),
        (int, float("nan")),
        (int, float("inf")),
        (int, "7"),
        (int, True),
        (str, 7),
        (str, ["x"]),
        (bool, "yes"),
        (float, None),
        (str, {"path": "/etc/passwd"}),
        (list | None, "no list"),
        (dict, 7),
    ],
)
def test_values_of_another_kind_are_refused(kind, value):
    with pytest.raises(ValueError, match="^it must"):
        fitting("it", kind, value)


def test_nothing_from_outside_becomes_markup(desk):
    desk.library.add_subject(EVIL[:60], "girl", "sks", [Image.linear_gradient("L")])
    (subject,) = desk.library.subjects()
    desk.library.edit_photo(subject.slug, subject.photos[0].file, caption=EVIL)
    (subject,) = desk.library.subjects()
    picture = desk.library.save_picture(Image.new("RGB", (32, 32)), recipe(prompt=EVIL, negative_prompt=EVIL))
    scene = desk.library.add_scene(EVIL[:60], EVIL)
    run = Run("1", DRAW, EVIL, DrawRequest(prompt=EVIL), desk.library, desk.family)
    shown = [
        stage.stage_view(run, [picture], [subject]),
        stage.words_view(None, [scene], desk.family),
        photo_grid.shelf_view([subject], "", frozenset(), False),
        photo_grid.cropper_view(subject.photos[0]),
        photo_grid.sheet_view(subject, [], "", ((EVIL, EVIL),)),
        gallery.detail_view(picture, ""),
        gallery.wall_view([picture], 1, "", desk, False),
        html.note(EVIL),
        html.chip(EVIL, title=EVIL, insert=EVIL),
        sidebar.now_view([studio.Now(EVIL, "draw", 0.5, 3.0, EVIL, EVIL, 1)]),
    ]
    for view in shown:
        assert "<img src=x" not in view and "<img src=x".upper() not in view.upper()


def test_a_long_loss_curve_is_thinned_and_its_trend_starts_true():
    losses = [1.0 / step for step in range(1, 5001)]
    assert len(charts.thinned(list(enumerate(losses)))) == charts.MOST_POINTS
    assert charts.smoothed(losses)[0] == pytest.approx(1.0)
    drawn = charts.loss_chart(range(1, 5001), losses, 5000)
    assert drawn.count(",") < 2 * charts.MOST_POINTS + 50
    assert charts.loss_chart([], [], 100) == ""


def test_settings_come_back_whatever_has_become_of_what_was_used(desk):
    used = {"slug": "gone", "name": "Gone", "sha256": "1" * 64, "scale": 1.0}
    told = settings_of(studio.Recipe(request=recipe(lora="gone", seed=5, family="flux").request, loras=(used,)), desk)
    assert told.request.lora is None and told.request.family == "pocket" and told.request.seed == 5
    assert len(told.remarks) == 2 and "Gone" in told.remarks[1]


def test_drafts_of_one_family_are_not_laid_over_another(desk):
    drafts = {"prompt": "a castle", "steps": 30, "width": 1024, "height": 1024, "seed": 5}

    def opened(family):
        return open_draw(desk, {**drafts, "family": family})

    told = opened("sdxl")
    assert (told["family"], told["prompt"], told["seed"]) == ("pocket", "a castle", 5)
    assert (told["steps"], told["width"], told["height"]) == tuple(
        desk.family.drawing[name] for name in ("steps", "width", "height")
    )
    assert opened("pocket")["width"] == 1024


def test_a_lora_is_removed_after_asking_and_nobody_is_left(desk):
    desk.library.add_subject("Mika", "girl", "sks", [Image.new("RGB", (64, 64), "red")])
    given = {"name": "Mika", "subject": "mika", "family": "pocket", "trigger": "sks girl", "rank": 4, "alpha": 4.0}
    slug = desk.library.save_lora(**given, steps=1, write=lambda path: path.write_bytes(b"x")).slug
    with pytest.raises(ValueError, match="Choose a LoRA"):
        draw.ask_to_remove(desk, "")
    assert draw.ask_to_remove(desk, slug)["really"].value == "Really remove Mika"
    who = draw.remove_lora(desk, slug, "pocket", "a girl")["lora"]
    assert who.choices == [(NOBODY, "")] and desk.library.loras() == []


@pytest.mark.parametrize(
    "lora, scale",
    [
        (None, 1.0),
        ("mika", 0.7),
        ([LoraUse("mika", 0.8, 0.3)], 1.0),
        ([LoraUse("mika", 0.8, 0.8), LoraUse("pixels", 0.5, 1.0), LoraUse("sketch", 1.2, 1.2)], 1.0),
    ],
)
def test_a_form_filled_from_a_picture_asks_for_the_same_loras(lora, scale):
    asked = DrawRequest("a girl", lora=lora, lora_scale=scale)
    slug, weight, beside = apart(asked)
    assert set(beside) == more_loras_fields()
    again = together(DrawRequest("a girl", lora=slug or None, lora_scale=weight), beside)
    assert again == asked


def more_loras_fields():
    with gr.Blocks():
        return set(more_loras().fields)


def test_the_two_lists_of_presets_hold_one_choice_between_them(desk):
    told = train.choose_preset(desk, "Quick", "pocket")
    assert told["other"] is None and told["steps"] == 80 and "preset" not in told
    assert train.choose_further(desk, "Quick", "pocket")["preset"] is None
    assert train.choose_preset(desk, None, "pocket") == {}, "left without a choice"


def test_every_training_can_be_looked_at_and_the_one_under_way_comes_first(desk):
    asked = {"type": "TrainRequest", **vars(TrainRequest("mika", steps=2))}
    first, second = (desk.library.new_run("train", asked, f"Training {name}").id for name in ("Mika", "Leo"))
    desk.library.update_run(first, status="paused")
    desk.library.update_run(second, status="failed")
    runs = train.trainings_of(desk)
    told = trainings(runs)
    assert [id for _, id in told] == ["", second, first] and told[2][0].startswith("Mika, paused, 20")
    assert train.shown_of(runs, first).id == first and train.shown_of(runs, "").id == second
    look = train.look(desk, first, {})
    assert "Go on" in look["view"] and look["which"].choices == list(told) and look["which"].visible
    assert train.look(desk, first, look["seen"]).keys() == {"seen"}


def test_visitors_never_meet_and_a_reload_finds_the_same_library(desk):
    visitors = Visitors(desk, apart=True)
    ann, bob = (SimpleNamespace(session_hash=name) for name in ("ann", "bob"))
    token = visitors.arrive(ann, None)
    assert visitors.arrive(bob, "a token nobody gave") != token
    hers, his = visitors.desk_of(ann), visitors.desk_of(bob)
    assert len({hers.library.root, his.library.root, desk.library.root}) == 3
    visitors.depart(ann)
    again = SimpleNamespace(session_hash="ann again")
    assert visitors.arrive(again, token) == token and visitors.desk_of(again) is hers


def test_a_page_whose_connection_drops_for_a_moment_keeps_its_library(desk):
    visitors = Visitors(desk, apart=True)
    ann = SimpleNamespace(session_hash="ann")
    visitors.arrive(ann, None)
    hers = visitors.desk_of(ann)
    visitors.depart(ann)  # Gradio says so whenever the heartbeat breaks off
    assert visitors.desk_of(ann) is hers and not hers.gone


def test_a_visitor_who_was_sent_away_for_being_idle_begins_anew_when_they_come_back(desk):
    visitors = Visitors(desk, apart=True)
    ann = SimpleNamespace(session_hash="ann")
    token = visitors.arrive(ann, None)
    old = visitors.desk_of(ann)
    old.leave()
    again = SimpleNamespace(session_hash="ann again")
    assert visitors.arrive(again, token) == token
    assert not visitors.desk_of(again).gone and visitors.desk_of(again) is visitors.desk_of(ann)
    assert visitors.desk_of(ann).library.root != old.library.root


def test_everyone_on_their_own_machine_shares_one_library(desk):
    visitors = Visitors(desk, apart=False)
    request = SimpleNamespace(session_hash="x")
    assert visitors.arrive(request, None) == "" and visitors.desk_of(request) is desk


def test_the_look_fetches_nothing_from_outside():
    shown = look()
    style = "".join(sheet.read_text() for sheet in shown["css_paths"])
    fonts = (*shown["theme"]._font, *shown["theme"]._font_mono)
    assert not any(isinstance(font, gr.themes.GoogleFont) for font in fonts)
    assert "http" not in style and "@import" not in style and shown["footer_links"] == []


def test_the_report_of_a_run_holds_everything_and_fetches_nothing(desk):
    library = desk.library
    record = library.new_run(
        "train",
        {"type": "TrainRequest", "subject": "mika", "steps": 4, "rank": 3, "validation_prompt": EVIL},
        f"Training {EVIL}",
    )
    folder = library.run_folder(record.id) / "samples"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(folder / "000002-1.png")
    for event in (
        studio.StepFinished(1, 4, 0.5, 1.0),
        studio.StepFinished(2, 4, 0.4, 1.0),
        studio.SampleDrawn(2, f"runs/{record.id}/samples/000002-1.png", EVIL),
        studio.CheckpointScored(0, 0.1, 0.5),
        studio.CheckpointScored(2, 0.7, 0.4),
        studio.CheckpointPicked(2, "It is the best."),
        studio.LoraSaved("mika", 2, 4),
        studio.Finished(),
    ):
        library.append_event(record.id, to_json(event))
    library.update_run(record.id, status="finished")
    page = report(desk.run(record.id), library.root)
    assert "<td>rank</td><td>3</td>" in page and "It is the best." in page and page.count("<svg") == 2
    assert "data:image/png;base64," in page and "http" not in page and EVIL not in page


def test_a_caption_that_is_too_long_to_be_learnt_has_a_note(desk):
    subject = desk.library.add_subject("Mika", "girl", "sks", [Image.linear_gradient("L")])
    (photo, *_) = subject.photos
    long = f"{subject.trigger} " + "in a red hat, " * 20 + "waving"
    for caption, noted in ((long, True), ("waving", False), (long[: len(subject.trigger) + 30], False)):
        desk.library.edit_photo(subject.slug, photo.file, caption=caption)
        subject = desk.library.subject(subject.slug)
        sheet = photo_grid.sheet_view(subject, [], "", (), caption_note_for(subject, desk.family))
        told = told_subject(subject, desk.family)["photos"][0]["notes"]
        assert ("Too long" in sheet) is noted and any("Too long" in note for note in told) is noted
    fits = " ".join(["red"] * 45)  # with "a picture of sks girl" before it, it does not
    assert "Too long" in caption_note_for(subject, desk.family)(fits)
    assert not caption_note_for(None, desk.family)(fits)


def test_captions_dropped_with_new_photos_are_shown_or_named(tmp_path):
    """Uploads lie in a folder each, so a name is all that says which caption is whose."""
    for folder, name in (("1", "a.png"), ("2", "b.png"), ("3", "b.png")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (64, 64), (9, 9, 80 * int(folder))).save(tmp_path / folder / name)
    for folder, name in (("4", "a.caption"), ("5", "b.txt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("sks girl waving")
    kept, refused = photo_grid.look_at(sorted(tmp_path.glob("*/*")), 64)
    assert [photo.caption for photo in kept] == ["sks girl waving", "", ""]
    assert [name for name, _ in refused] == ["b.txt"] and "b.txt" in photo_grid.sheet_view(None, kept, "", refused)
