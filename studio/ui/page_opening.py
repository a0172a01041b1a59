"""What a page finds when it opens: the work that is there, and what the visitor's browser kept of what they typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio.session import Studio
from studio.ui.drawing_fields import OF_FAMILY
from studio.ui.loras import lora_choices
from studio.ui.navigation import BLANK
from studio.ui.tabs.draw import views as draw
from studio.ui.tabs.dress import handlers as dressing
from studio.ui.tabs.dress import views as dress
from studio.ui.tabs.retouch.repaint import handlers as repainting
from studio.ui.tabs.retouch.repaint import views as repaint
from studio.ui.tabs.subject import views as subject
from studio.ui.tabs.train import views as train
from studio.ui.visitors import Visitors
from studio.ui.wiring import PAGE_EVENT, Named, Wire, Wiring, answers, either, ends

KEPT, SECRET = "understudy", "what a visitor typed, in their own browser"  # fixed: a restart must not lose it


DRAFTS = (
    "family",
    "lora",
    "prompt",
    "negative_prompt",
    "lora_scale",
    "count",
    "seed",
    *(name for name in OF_FAMILY if name != "scheduler"),
)


def remember(
    wiring: Wiring, blocks: gr.Blocks, tabs: Mapping[str, Named], family: gr.Dropdown, visitors: Visitors
) -> None:
    """Drafts stay in the visitor's browser; a page that opens finds its work again. `tabs` are the parts of each."""
    drafts = gr.BrowserState({}, storage_key=KEPT, secret=SECRET)
    dressed = gr.BrowserState({}, storage_key=f"{KEPT}-dress", secret=SECRET)
    painted = gr.BrowserState({}, storage_key=f"{KEPT}-retouch", secret=SECRET)
    _keep(wiring, tabs, family, {"drafts": drafts, "dressed": dressed, "painted": painted})
    beginning = [
        Wire.of(open_draw, {**tabs["draw"], "family": family, "drafts": drafts}),
        Wire.of(train.opening, tabs["train"]),
        Wire.of(subject.opening, tabs["subject"]),
        Wire.of(open_dress, {**tabs["dress"], "drafts": drafts, "dressed": dressed}),
        Wire.of(open_retouch, {**tabs["retouch"], "drafts": drafts, "painted": painted}),
    ]
    told = ends(beginning)

    def arrive(visitor: gr.Request, *stored: Any) -> dict[Any, Any]:
        kept = [one if isinstance(one, dict) else {} for one in stored]
        mine = kept[told["inputs"].index(drafts)]
        token = visitors.arrive(visitor, mine.get("visitor"))
        return {drafts: {**mine, "visitor": token}, **answers(visitors.desk_of(visitor), beginning, kept)}

    blocks.load(arrive, told["inputs"], [drafts, *told["outputs"]], **PAGE_EVENT)
    blocks.unload(visitors.depart)


def _keep(wiring: Wiring, tabs: Mapping[str, Named], family: gr.Dropdown, stores: Named) -> None:
    """What is typed goes into the browser's storage."""
    fields = {**tabs["draw"], "family": family}
    drafts, typed = stores["drafts"], [fields[name] for name in DRAFTS]
    for component in typed:
        wiring.script(component.change, _keep_script(), [drafts, *typed], drafts)
    # As they come: a family that has just changed may have other choices than what is still chosen here.
    as_it_is = {"preprocess": False, "trigger_mode": "always_last"}
    dress = {name: tabs["dress"][name] for name in dressing.DRAFTS}
    for name, component in dress.items():
        event = component.blur if name == "prompt" else component.change
        wiring.listen(event, dressing.kept, to=stores["dressed"], others=dress, **as_it_is)
    paint = {name: tabs["retouch"][name] for name in repainting.DRAFTS}
    changed = either(*(component.change for component in paint.values()))
    wiring.listen(changed, repainting.kept, to=stores["painted"], others=paint, **as_it_is)


def _keep_script() -> str:
    names = ", ".join(DRAFTS)
    return f"(drafts, {names}) => ({{...(drafts || {{}}), {names}}})"


def open_draw(desk: Studio, drafts: dict[str, Any]) -> draw.Opened:
    """The form as it was left, and the run that is on stage."""
    family, kept, lora = desk.family, _sound(drafts), who(desk, drafts)
    if kept.get("family") != family.name:  # the sizes and steps of one family are no good for another
        kept = {name: value for name, value in kept.items() if name not in OF_FAMILY}
    typed = {
        **{name: getattr(BLANK, name) for name in DRAFTS},
        **{name: value for name, value in family.drawing.items() if name in DRAFTS},
        **kept,
        "family": family.name,
        "lora": lora,
        "prompt": kept.get("prompt") or draw.first_prompt(desk, family, lora),
    }
    return draw.opening(desk, typed)


def open_dress(desk: Studio, drafts: dict[str, Any], dressed: dict[str, Any]) -> dress.Opened:
    return dress.opening(desk, desk.family, who(desk, drafts), dressed)


def open_retouch(desk: Studio, drafts: dict[str, Any], painted: dict[str, Any]) -> repaint.Opened:
    return repaint.opening(desk, desk.family, who(desk, drafts), painted)


def who(desk: Studio, drafts: dict[str, Any]) -> str:
    """The LoRA that was chosen when the page was left, as long as it is there; else the first that is."""
    slugs = [slug for _, slug in lora_choices(desk, desk.family)]
    kept = _sound(drafts).get("lora")  # the prompt calls it: they belong together
    return kept if kept in slugs else draw.first_lora(slugs)


def _sound(drafts: dict[str, Any]) -> dict[str, Any]:
    """Drafts that are of the type they were kept as: a browser's storage may hold anything."""
    texts = {"family", "lora", "prompt", "negative_prompt"}
    return {
        name: drafts[name] for name in DRAFTS if isinstance(drafts.get(name), str if name in texts else int | float)
    }
