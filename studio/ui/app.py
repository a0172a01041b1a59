"""The page: the tabs in order, and all that goes from one of them to another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from studio.desk import Studio
from studio.families import ModelFamily
from studio.requests import DrawRequest
from studio.settings import Settings
from studio.ui import endpoints, pieces, repainting
from studio.ui.beat import Beat
from studio.ui.drawing_fields import OF_FAMILY, defaults_of
from studio.ui.forms import PAGE_EVENT, Wiring
from studio.ui.loras import FIELDS, ROWS, lora_choices, renewed
from studio.ui.restoring import settings_in, settings_of
from studio.ui.side import side
from studio.ui.stage import family_view, words_view
from studio.ui.tabs import draw, dress, gallery, retouch, subject, train
from studio.ui.tabs.draw import DrawTab, draw_tab
from studio.ui.tabs.dress import DressTab, dress_tab
from studio.ui.tabs.gallery import GalleryTab, gallery_tab
from studio.ui.tabs.retouch import RetouchTab, retouch_tab
from studio.ui.tabs.subject import SubjectTab, subject_tab
from studio.ui.tabs.train import TrainTab, train_tab
from studio.ui.theme import look
from studio.ui.visitors import Visitors

__all__ = ["build", "look"]

KEPT, SECRET = "understudy", "what a visitor typed, in their own browser"  # fixed: a restart must not lose it
DRAFTS = (
    "family",
    "lora",
    "prompt",
    "negative_prompt",
    "lora_scale",
    "count",
    "seed",
    "steps",
    "guidance",
    "width",
    "height",
)
WORDMARK = (
    '<a class="wordmark" href="?"><svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="19" cy="15" r="10"/>'
    '<circle cx="13" cy="17" r="10"/></svg>Understudy</a>'
)


@dataclass(frozen=True)
class Page:
    """The parts that are wired to one another."""

    tabs: gr.Tabs
    family: gr.Dropdown
    about: gr.HTML
    subject: SubjectTab
    train: TrainTab
    draw: DrawTab
    dress: DressTab
    retouch: RetouchTab
    gallery: GalleryTab
    drafts: gr.BrowserState

    def draw_form(self) -> list[Any]:
        return [*(self.draw.form[name] for name in _FIELDS), *self.draw.more.fields.values()]


def build(desk: Studio, settings: Settings) -> gr.Blocks:
    """The whole page and its API. Launch it with `look()`."""
    visitors = Visitors(desk, apart=settings.visitors)
    wiring = Wiring(visitors.desk_of)
    first = desk.family
    uploads = (3600, 6 * 3600) if settings.visitors else None  # seconds: how often to look, how old they may grow
    with gr.Blocks(title="Understudy", analytics_enabled=False, fill_width=True, delete_cache=uploads) as page:
        beat, quick = Beat(gr.Timer(1.0)), gr.Timer(0.4, active=False)
        drafts = gr.BrowserState({}, storage_key=KEPT, secret=SECRET)
        with gr.Row(elem_id="header"):
            gr.HTML(WORDMARK, apply_default_css=False, elem_id="wordmark")
            family = gr.Dropdown(
                family_choices(desk),
                value=first.name,
                label="Family",
                show_label=False,
                container=False,
                elem_id="family",
                min_width=150,
                scale=0,
                filterable=False,
            )
        about = gr.HTML("", apply_default_css=False, elem_id="family-about")
        with gr.Row(elem_id="house"):
            now, tray = side(wiring, beat)
            with gr.Column(elem_id="rooms", scale=1, min_width=300), gr.Tabs(selected="draw", elem_id="tabs") as tabs:
                parts = {
                    "subject": subject_tab(wiring, family, first, settings.ask_consent),
                    "train": train_tab(wiring, family, first, beat),
                    "draw": draw_tab(wiring, family, first, beat, quick),
                    "dress": dress_tab(wiring, family, first, beat, settings.ask_consent),
                    "retouch": retouch_tab(wiring, family, first, beat),
                    "gallery": gallery_tab(wiring),
                }
        made = Page(tabs, family, about, drafts=drafts, **parts)
        beat.begin(wiring)
        _connect(wiring, made, tray)
        _remember(wiring, made, visitors, page)
        endpoints.register(wiring)
    return page


def _connect(wiring: Wiring, page: Page, tray: gr.HTML) -> None:
    """What goes from one tab to another."""
    tabs, form = page.tabs, page.draw_form()
    to_draw = [tabs, page.family, *form, page.draw.words, page.draw.run, page.draw.quick, page.draw.stage]
    subject_view, gallery_view = list(page.subject.view), list(page.gallery.outputs)

    wiring.listen(
        page.family.input,
        choose_family,
        [page.family, page.draw.form["lora"], page.train.preset, *page.dress.view[1:]],
        family_outputs(page),
    )
    wiring.listen(
        page.draw.tab.select,
        refresh_draw,
        [page.family, page.draw.form["lora"], *page.draw.more.choices],
        [page.draw.form["lora"], page.draw.words, *page.draw.more.choices],
    )
    dressing = page.dress
    wiring.listen(dressing.tab.select, dress.refresh, dressing.view, list(dressing.renewed))
    painting = page.retouch.painting
    wiring.listen(page.retouch.tab.select, repainting.refresh, list(painting.view), list(painting.renewed))
    wiring.listen(
        page.family.input,
        repainting.of_family,
        list(painting.view),
        [*painting.renewed, *(painting.form[name] for name in repainting.OF_FAMILY)],
    )
    wiring.listen(
        page.train.tab.select,
        refresh_train,
        [page.train.form["subject"], page.family],
        [page.train.form["subject"], page.train.preset],
    )
    wiring.listen(page.subject.train.click, train_this, page.subject.selected, [tabs, page.train.form["subject"]])
    wiring.on_act(page.train.view, draw_with, None, to_draw)
    for piece in (page.subject.shelf, page.gallery.wall):
        wiring.on_act(piece, go_draw, None, tabs)
    for piece in (page.draw.stage, page.gallery.wall):
        wiring.on_act(piece, to_subject, page.family, [tabs, *subject_view])
    for piece in (page.draw.stage, page.dress.stage, page.dress.worn, painting.stage, tray):
        wiring.on_act(piece, open_picture, list(page.gallery.view), [tabs, page.gallery.selected, *gallery_view])
    for piece in (page.draw.stage, page.gallery.detail, page.dress.worn, painting.stage):
        wiring.on_act(piece, to_retouch, page.family, [tabs, page.retouch.easel, *painting.filled])
    for piece in (page.draw.stage, page.gallery.detail):
        wiring.on_act(piece, take_outfit, list(page.dress.view), [tabs, *page.dress.renewed], show_progress="minimal")
    wiring.on_act(page.gallery.detail, send_to_draw, None, to_draw)
    wiring.listen(page.gallery.drop.upload, restore_png, page.gallery.drop, [page.gallery.drop, *to_draw])


def _remember(wiring: Wiring, page: Page, visitors: Visitors, blocks: gr.Blocks) -> None:
    """Drafts stay in the visitor's browser; a page that opens finds its work again."""
    fields = {**page.draw.form, "family": page.family}
    kept = [fields[name] for name in DRAFTS]
    for component in kept:
        component.change(
            None, [page.drafts, *kept], page.drafts, js=_keep_script(), api_visibility="private", show_progress="hidden"
        )
    dressing = gr.BrowserState({}, storage_key=f"{KEPT}-dress", secret=SECRET)
    lora, prompt, *others = page.dress.drafts
    for event in (lora.change, prompt.blur, *(component.change for component in others)):
        wiring.listen(event, dress.kept, list(page.dress.drafts), dressing)
    painting = gr.BrowserState({}, storage_key=f"{KEPT}-retouch", secret=SECRET)
    for component in page.retouch.painting.drafts:
        wiring.listen(
            component.change, repainting.kept, list(page.retouch.painting.drafts), painting, trigger_mode="always_last"
        )
    beginning = [
        page.drafts,
        *standing_outputs(page),
        *kept,
        page.train.form["subject"],
        page.train.form["seed"],
        page.draw.run,
        page.draw.quick,
        *page.draw.more.unsaid,
        *page.subject.view,
        *page.dress.opened,
        *page.retouch.painting.opened,
    ]

    def arrive(visitor: gr.Request, *kept: Any) -> tuple:
        drafts, dressed, painted = (told if isinstance(told, dict) else {} for told in kept)
        token = visitors.arrive(visitor, drafts.get("visitor"))
        return ({**drafts, "visitor": token}, *opening(visitors.desk_of(visitor), drafts, dressed, painted))

    blocks.load(arrive, [page.drafts, dressing, painting], beginning, **PAGE_EVENT)
    blocks.unload(visitors.depart)


def _keep_script() -> str:
    names = ", ".join(DRAFTS)
    return f"(drafts, {names}) => ({{...(drafts || {{}}), {names}}})"


def opening(
    desk: Studio, drafts: dict[str, Any], dressed: dict[str, Any] | None = None, painted: dict[str, Any] | None = None
) -> tuple:
    """Everything as it is when a page opens: the family, the form, the run that is on stage."""
    family, subjects = desk.family, desk.library.subjects()
    loras = lora_choices(desk, family)
    lora = loras[1][1] if len(loras) > 1 else ""
    kept = _sound(drafts)
    if kept.get("lora") in {slug for _, slug in loras}:  # the prompt calls it: they belong together
        lora = kept["lora"]
    if kept.get("family") != family.name:  # the sizes and steps of one family are no good for another
        kept = {name: value for name, value in kept.items() if name not in OF_FAMILY}
    typed = {
        **{name: getattr(_BLANK, name) for name in DRAFTS},
        **family.drawing,
        **kept,
        "family": family.name,
        "lora": lora,
    }
    typed["prompt"] = kept.get("prompt") or draw.first_prompt(desk, family, lora)
    live = next(
        (run.id for run in desk.executor.runs() if run.kind == "draw" and run.library.root == desk.library.root), ""
    )
    first = subjects[0].slug if subjects else ""
    return (
        *standing_updates(desk, family, lora),
        *(typed.get(name) for name in DRAFTS),
        gr.Dropdown(train.choices(desk), value=first or None),
        None,
        live,
        gr.Timer(active=True),
        *[None] * (ROWS + 2),
        *subject.opened(desk, family, first),
        *dress.opening(desk, family, lora, dressed or {}),
        *repainting.opening(desk, family, lora, painted or {}),
    )


_BLANK = DrawRequest(prompt="nothing yet")


def _sound(drafts: dict[str, Any]) -> dict[str, Any]:
    """Drafts that are of the type they were kept as: a browser's storage may hold anything."""
    texts = {"family", "lora", "prompt", "negative_prompt"}
    return {
        name: drafts[name] for name in DRAFTS if isinstance(drafts.get(name), str if name in texts else int | float)
    }


def standing_outputs(page: Page) -> list[Any]:
    """What depends on the family and the library, but is nothing that a visitor fills in."""
    return [
        page.about,
        page.draw.about,
        page.draw.card,
        page.draw.words,
        page.subject.note,
        page.subject.noun,
        page.draw.form["lora"],
        *page.draw.more.choices,
        page.train.preset,
        page.train.other,
    ]


def standing_updates(desk: Studio, family: ModelFamily, lora: str, preset: str | None = train.USUAL) -> list[Any]:
    chosen = next((known for known in desk.library.loras() if known.slug == lora and known.fits(family)), None)
    return [
        about_family(family, desk.family),
        gr.Accordion(label=draw.knows(family)),
        family_view(family),
        words_view(chosen, desk.library.scenes(), family),
        subject.note_for(family),
        gr.Dropdown(subject.nouns_of(family)),
        draw.loras_of(desk, family, lora),
        *renewed(desk, family, [""] * ROWS),
        train.presets_of(desk, family, preset),
        train.others_of(desk, family),
    ]


def family_outputs(page: Page) -> list[Any]:
    """All that a change of family touches, in the order of `choose_family`."""
    return [
        *standing_outputs(page),
        *(form[name] for form in (page.draw.form, page.dress.form) for name in OF_FAMILY),
        *(page.train.form[name] for name in train.FOLDED),
        *page.dress.renewed,
    ]


def choose_family(desk: Studio, name: str, lora: str, preset: str | None, *dressing: Any) -> list[Any]:
    family = desk.families[name]
    return [
        *standing_updates(desk, family, lora, preset),
        *defaults_of(family),
        *defaults_of(family),
        *train.defaults_of(family, preset),
        *dress.refresh(desk, name, *dressing),
    ]


def family_choices(desk: Studio) -> list[tuple[str, str]]:
    return [(family.title, family.name) for family in desk.families.values()]


def about_family(family: ModelFamily, own: ModelFamily) -> str:
    """What choosing this family means before anything is fetched; nothing for one whose weights are here."""
    if family.is_local:
        return "" if family.name == own.name else pieces.note(family.description)
    use = "commercial use allowed" if family.commercial else "no commercial use"
    size = f"{family.download_gb:g} GB" if family.download_gb else "several GB"
    return (
        f'<div class="about"><b>{escape(family.title)}</b> {escape(family.description)} Its weights '
        f"({escape(size)}, from the Hugging Face hub: {escape(family.weights)}) are fetched with the first picture or "
        "training, unless this machine has them already; nothing is fetched before. "
        f"Licence: {escape(family.licence)}, {use}.</div>"
    )


def refresh_draw(desk: Studio, family: str, lora: str, *others: str) -> tuple:
    """LoRAs that were trained meanwhile."""
    choices = lora_choices(desk, desk.families[family])
    kept = lora if lora in {slug for _, slug in choices} else ""
    return (
        gr.Dropdown(choices, value=kept),
        draw.words_for(desk, kept, family),
        *renewed(desk, desk.families[family], others),
    )


def refresh_train(desk: Studio, slug: str | None, family: str) -> tuple:
    choices = train.choices(desk)
    known = {known for _, known in choices}
    kept = slug if slug in known else choices[0][1] if choices else None
    return gr.Dropdown(choices, value=kept), gr.Radio(train.preset_choices(desk, desk.families[family]))


def train_this(desk: Studio, slug: str) -> tuple:
    return gr.Tabs(selected="train"), gr.Dropdown(train.choices(desk), value=slug or None)


def go_draw(desk: Studio, act: dict) -> Any:
    return gr.Tabs(selected="draw") if act.get("act") == "go_draw" else gr.skip()


def draw_with(desk: Studio, act: dict) -> tuple:
    """The trained LoRA into the Draw form, with a prompt that calls it."""
    if act.get("act") != "draw_with":
        return _skips()
    lora = desk.library.lora(str(act.get("lora")))
    family = desk.families.get(lora.family, desk.family)
    request = replace(
        _BLANK,
        prompt=draw.first_prompt(desk, family, lora.slug),
        lora=lora.slug,
        family=family.name,
        **{name: value for name, value in family.drawing.items() if hasattr(_BLANK, name)},
    )
    return _to_draw(desk, request)


def send_to_draw(desk: Studio, act: dict) -> tuple:
    """All of a picture's settings into the form; "replay" also draws it again, to the pixel."""
    if act.get("act") == "to_draw":
        picture = desk.library.picture(str(act.get("id")))
        return _restored(desk, settings_of(picture.recipe, desk))
    if act.get("act") == "replay":
        picture = desk.library.picture(str(act.get("id")))
        run = desk.start(desk.recall(picture.path))
        return _to_draw(desk, settings_of(picture.recipe, desk).request, run.id)
    return _skips()


def to_retouch(desk: Studio, act: dict, family: str) -> tuple:
    """A picture onto the easel."""
    if act.get("act") != "retouch":
        return (gr.skip(),) * 5
    picture, known = desk.library.picture(str(act.get("id"))), desk.families[family]
    return (
        gr.Tabs(selected="retouch"),
        retouch.put_up(desk, f"pictures/{picture.id}", known),
        *retouch.fields_for(desk, picture, known),
    )


async def take_outfit(desk: Studio, act: dict, family: str, *view: Any) -> tuple:
    """The clothes of a picture become an outfit, ticked on Dress."""
    if act.get("act") != "take_outfit":
        return (gr.skip(),) * (1 + dress.RENEWED)
    picture = desk.library.picture(str(act.get("id")))
    words = " ".join(re.sub(r"[^\w\s,'-]", " ", str(picture.recipe.request.get("prompt", ""))).split())
    added = await asyncio.to_thread(
        desk.add_outfit, f"From {words[:35].strip() or 'a picture'}", picture.path, family=family, consent=True
    )  # drawn here: nobody's photo
    gr.Info(escape(f"{added.name} is in the wardrobe."))
    return gr.Tabs(selected="dress"), *dress.taken(desk, added.slug, family, *view)


def restore_png(desk: Studio, path: str | None) -> tuple:
    if path is None:
        return (gr.skip(), *_skips())
    return (None, *_restored(desk, settings_in(Path(path), desk)))


def _restored(desk: Studio, settings: Any) -> tuple:
    for remark in settings.remarks:
        gr.Info(escape(remark))
    return _to_draw(desk, settings.request)


def _to_draw(desk: Studio, request: DrawRequest, run: str | None = None) -> tuple:
    if len(request.loras) > 1 + ROWS:
        gr.Info(
            escape(
                "Draw has no place for all of its LoRAs; left out: "
                + ", ".join(use.slug for use in request.loras[1 + ROWS :])
            )
        )
    family = desk.families.get(request.family or "", desk.family)
    on_stage = (gr.skip(),) * 3 if run is None else (run, gr.Timer(active=True), draw.shown(desk, run))
    return (
        gr.Tabs(selected="draw"),
        family.name,
        *draw.fields_of(desk, request, _FIELDS),
        draw.words_for(desk, request.loras[0].slug if request.loras else "", family.name),
        *on_stage,
    )


_FIELDS = (
    "prompt",
    "negative_prompt",
    "lora",
    "lora_scale",
    "outfit",
    "steps",
    "guidance",
    "scheduler",
    "width",
    "height",
    "count",
    "seed",
)


def _skips() -> tuple:
    return (gr.skip(),) * (len(_FIELDS) + FIELDS + 6)


def to_subject(desk: Studio, act: dict, family: str) -> tuple:
    """Chosen pictures become a new subject's photos, or go to one that is there."""
    what, chosen = act.get("act"), _chosen(desk, act)
    slug = str(act.get("value", "")) if what == "add_to" else ""
    if what not in ("make_subject", "add_to") or not chosen or (what == "add_to" and not slug):
        return (gr.skip(),) * 16
    if what == "add_to":
        added = desk.add_photos(slug, chosen, consent=True)  # drawn here: nobody's photo
        return (gr.Tabs(selected="subject"), *subject.opened(desk, desk.families[family], slug, refused=added.refused))
    pending, refused = subject.look_at(chosen, desk.families[family].resolution)
    return (gr.Tabs(selected="subject"), *subject.opened(desk, desk.families[family], "", pending, refused))


def _chosen(desk: Studio, act: dict) -> Sequence[Path]:
    """The files of the ticked pictures; only pictures of this library are ever taken."""
    ticked = act.get("chosen")
    return [desk.library.picture(str(id)).path for id in ticked] if isinstance(ticked, list) else []


def open_picture(desk: Studio, act: dict, *view: Any) -> tuple:
    """A picture of the tray or the stage, large, in the gallery."""
    if act.get("act") != "open":
        return (gr.skip(),) * 5
    _, _, _, count, deleted, _ = view
    id = desk.library.picture(str(act.get("id"))).id
    return gr.Tabs(selected="gallery"), id, *gallery.show(desk, "", False, id, count, deleted, ())
