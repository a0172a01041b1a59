"""The page: its contents in order, what they start with, and what a change of family renews."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.session import Studio
from studio.settings import Settings
from studio.ui import api, html
from studio.ui.drawing_fields import OF_FAMILY, defaults_of
from studio.ui.loras import ROWS, lora_choices, renewed
from studio.ui.navigation import (
    BLANK,
    DRAW_FIELDS,
    draw_with,
    go_draw,
    open_picture,
    refresh_draw,
    refresh_train,
    restore_png,
    send_to_draw,
    take_outfit,
    to_retouch,
    to_subject,
    train_this,
)
from studio.ui.polling import Polling
from studio.ui.sidebar import sidebar
from studio.ui.stage import family_view, words_view
from studio.ui.tabs.draw import layout as draw
from studio.ui.tabs.draw.layout import DrawTab, draw_tab
from studio.ui.tabs.dress import layout as dress
from studio.ui.tabs.dress.layout import DressTab, dress_tab
from studio.ui.tabs.gallery.layout import GalleryTab, gallery_tab
from studio.ui.tabs.retouch import repaint_panel
from studio.ui.tabs.retouch.layout import RetouchTab, retouch_tab
from studio.ui.tabs.subject import layout as subject
from studio.ui.tabs.subject.layout import SubjectTab, subject_tab
from studio.ui.tabs.train import layout as train
from studio.ui.tabs.train.layout import TrainTab, train_tab
from studio.ui.theme import look
from studio.ui.visitors import Visitors
from studio.ui.wiring import PAGE_EVENT, Wiring

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
        return [*(self.draw.form[name] for name in DRAW_FIELDS), *self.draw.more.fields.values()]


def build(desk: Studio, settings: Settings) -> gr.Blocks:
    """The whole page and its API. Launch it with `look()`."""
    visitors = Visitors(desk, apart=settings.visitors)
    wiring = Wiring(visitors.desk_of)
    first = desk.family
    uploads = (3600, 6 * 3600) if settings.visitors else None  # seconds: how often to look, how old they may grow
    with gr.Blocks(title="Understudy", analytics_enabled=False, fill_width=True, delete_cache=uploads) as page:
        polling, quick = Polling(gr.Timer(1.0)), gr.Timer(0.4, active=False)
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
            now, tray = sidebar(wiring, polling)
            with gr.Column(elem_id="rooms", scale=1, min_width=300), gr.Tabs(selected="draw", elem_id="tabs") as tabs:
                parts = {
                    "subject": subject_tab(wiring, family, first, settings.ask_consent),
                    "train": train_tab(wiring, family, first, polling),
                    "draw": draw_tab(wiring, family, first, polling, quick),
                    "dress": dress_tab(wiring, family, first, polling, settings.ask_consent),
                    "retouch": retouch_tab(wiring, family, first, polling),
                    "gallery": gallery_tab(wiring),
                }
        made = Page(tabs, family, about, drafts=drafts, **parts)
        polling.begin(wiring)
        _connect(wiring, made, tray)
        _remember(wiring, made, visitors, page)
        api.register(wiring, desk.tasks)
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
    wiring.listen(page.retouch.tab.select, repaint_panel.refresh, list(painting.view), list(painting.renewed))
    wiring.listen(
        page.family.input,
        repaint_panel.of_family,
        list(painting.view),
        [*painting.renewed, *(painting.form[name] for name in repaint_panel.OF_FAMILY)],
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
            component.change,
            repaint_panel.kept,
            list(page.retouch.painting.drafts),
            painting,
            trigger_mode="always_last",
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
        **{name: getattr(BLANK, name) for name in DRAFTS},
        **family.drawing,
        **kept,
        "family": family.name,
        "lora": lora,
    }
    typed["prompt"] = kept.get("prompt") or draw.first_prompt(desk, family, lora)
    live = next((run.id for run in desk.runs(kind="draw")), "")
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
        *repaint_panel.opening(desk, family, lora, painted or {}),
    )


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
        return "" if family.name == own.name else html.note(family.description)
    use = "commercial use allowed" if family.commercial else "no commercial use"
    size = f"{family.download_gb:g} GB" if family.download_gb else "several GB"
    return (
        f'<div class="about"><b>{escape(family.title)}</b> {escape(family.description)} Its weights '
        f"({escape(size)}, from the Hugging Face hub: {escape(family.weights)}) are fetched with the first picture or "
        "training, unless this machine has them already; nothing is fetched before. "
        f"Licence: {escape(family.licence)}, {use}.</div>"
    )
