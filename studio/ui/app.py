"""The page: its contents in order, and what a change of family renews."""

from __future__ import annotations

from html import escape
from typing import TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.session import Studio
from studio.settings import Settings
from studio.ui import api, html
from studio.ui.navigation import connect_tabs
from studio.ui.page_opening import remember
from studio.ui.polling import Polling
from studio.ui.sidebar import connect_sidebar, sidebar
from studio.ui.tabs.draw.handlers import connect_draw
from studio.ui.tabs.draw.handlers import for_family as draw_for_family
from studio.ui.tabs.draw.layout import draw_tab
from studio.ui.tabs.dress.handlers import connect_dress
from studio.ui.tabs.dress.handlers import for_family as dress_for_family
from studio.ui.tabs.dress.layout import dress_tab
from studio.ui.tabs.gallery.handlers import connect_gallery
from studio.ui.tabs.gallery.layout import gallery_tab
from studio.ui.tabs.retouch.handlers import connect_retouch
from studio.ui.tabs.retouch.layout import retouch_tab
from studio.ui.tabs.retouch.repaint.handlers import for_family as repaint_for_family
from studio.ui.tabs.subject.handlers import connect_subject
from studio.ui.tabs.subject.handlers import for_family as subject_for_family
from studio.ui.tabs.subject.layout import subject_tab
from studio.ui.tabs.train.handlers import connect_train
from studio.ui.tabs.train.handlers import for_family as train_for_family
from studio.ui.tabs.train.layout import train_tab
from studio.ui.theme import look
from studio.ui.visitors import Visitors
from studio.ui.wiring import Wire, Wiring

__all__ = ["build", "look"]

WORDMARK = (
    '<a class="wordmark" href="?"><svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="19" cy="15" r="10"/>'
    '<circle cx="13" cy="17" r="10"/></svg>Understudy</a>'
)


def build(desk: Studio, settings: Settings) -> gr.Blocks:
    """The whole page and its API. Launch it with `look()`."""
    visitors = Visitors(desk, apart=settings.visitors)
    wiring = Wiring(visitors.desk_of)
    first = desk.family
    uploads = (3600, 6 * 3600) if settings.visitors else None  # seconds: how often to look, how old they may grow
    with gr.Blocks(title="Understudy", analytics_enabled=False, fill_width=True, delete_cache=uploads) as page:
        polling, quick = Polling(gr.Timer(1.0)), gr.Timer(0.4, active=False)
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
            side = sidebar()
            with gr.Column(elem_id="rooms", scale=1, min_width=300), gr.Tabs(selected="draw", elem_id="tabs") as tabs:
                subject = subject_tab(first, settings.ask_consent)
                train = train_tab(first)
                draw = draw_tab(first)
                dress = dress_tab(first, settings.ask_consent)
                retouch = retouch_tab(first)
                gallery = gallery_tab()

        connect_sidebar(wiring, side, polling)
        connect_subject(wiring, subject, family)
        connect_train(wiring, train, family, polling)
        connect_draw(wiring, draw, family, polling, quick)
        connect_dress(wiring, dress, family, polling)
        connect_retouch(wiring, retouch, family, polling)
        connect_gallery(wiring, gallery)
        renewed = [
            Wire.of(of_family, {"family": family, "about": about}),
            subject_for_family(subject, family),
            train_for_family(train, family),
            draw_for_family(draw, family),
            dress_for_family(dress, family),
            repaint_for_family(retouch.panel, family),
        ]
        # Gradio tells a choice twice; the second time the lists no longer have what is still chosen in the browser.
        wiring.every(family.input, renewed, preprocess=False)

        parts = {
            "subject": subject.parts,
            "train": train.parts,
            "draw": {**draw.parts, "quick": quick},
            "dress": {**dress.parts, **dress.try_on.parts},
            "retouch": retouch.parts,
            "gallery": gallery.parts,
        }
        connect_tabs(wiring, {"tabs": tabs, "family": family, "tray": side["tray"]}, parts)
        remember(wiring, page, parts, family, visitors)
        polling.begin(wiring)
        wiring.begin()
        api.register(wiring, desk.tasks)
    return page


class About(TypedDict):
    """A line on the family, under the header."""

    about: str


def of_family(desk: Studio, family: str) -> About:
    return {"about": about_family(desk.families[family], desk.family)}


def family_choices(desk: Studio) -> list[tuple[str, str]]:
    """The families to choose from: title and name of each."""
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
