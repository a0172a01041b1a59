"""Whom a prompt calls: one trigger put in place of another, and a note where none or somebody else's is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from studio.words.articles import with_article
from studio.words.prompt_check import BUILT_ALIKE

NOUNS = frozenset(noun for kinds, members in BUILT_ALIKE.items() for noun in (*kinds, *members.split()))
STYLES = frozenset({"style", "art", "look", "aesthetic"})  # a trigger that ends so calls nobody


def calls_somebody(trigger: str, nouns: Iterable[str] = ()) -> bool:
    """Whether a trigger stands for a subject, as "sks girl" does, and not for a style or for everyday words.

    `nouns` are class nouns beside the everyday ones.
    """
    words = trigger.lower().split()
    known = NOUNS | {noun.lower() for noun in nouns}
    return bool(words) and words[-1] in known and trigger.lower() not in known and words[-1] not in STYLES


def calling(
    prompt: str, call: str, others: Iterable[str] = (), plain: Iterable[str] = (), *, joins: bool = True
) -> str:
    """The prompt with `call` in place of whoever it calls; all other words stay. The same when called twice.

    `others` are triggers of those who are no longer meant: one is replaced, more are taken out. Without any of them
    the first of `plain`, such as "a girl", is replaced; without that the call goes before the prompt. One that does not
    join, since it is nobody's trigger, only ever replaces one.
    """
    places = _places(prompt, [*others, call] if joins else others)
    strange = [place for place in places if place.group().lower() != call.lower()]
    if places and not strange:
        return prompt
    if not places:
        places = _places(prompt, plain)[:1]
    if not places:
        return f"{call}, {prompt}" if joins else prompt
    # Of several the one that belongs to a clause stays: "ivq boy, a cartoon of sks girl" goes on as a cartoon.
    stays = next((place for place in places if not _stands_alone(prompt, place)), places[0])
    for place in reversed(places):
        before, after = prompt[: place.start()], prompt[place.end() :]
        prompt = f"{before}{call}{after}" if place is stays else _closed(before, after)
    return prompt


def plain_calls(triggers: Iterable[str]) -> list[str]:
    """Words for the same subjects without a LoRA: "a girl" for "sks girl"."""
    nouns = [words[-1] for trigger in triggers if len(words := trigger.split()) > 1]
    return list(dict.fromkeys(with_article(noun) for noun in nouns))


def has(prompt: str, trigger: str) -> bool:
    """Whether the trigger is in the prompt, as words of their own."""
    return bool(_places(prompt, [trigger]))


def note(prompt: str, chosen: Mapping[str, str], others: Mapping[str, str]) -> str:
    """A sentence where a trigger of those chosen is missing, or one of the others is there; "" where all is well.

    Both are trigger -> name; a LoRA without a trigger is left out.
    """
    said = [
        f"The prompt does not say '{trigger}', the trigger of {name}, which does little without it."
        for trigger, name in chosen.items()
        if trigger and not has(prompt, trigger)
    ]
    called = {place.group().lower() for place in _places(prompt, [*chosen, *others])}
    meant = {trigger.lower() for trigger in chosen}
    said += [
        f"'{trigger}' calls {name}, who is not chosen."
        for trigger, name in others.items()
        if trigger.lower() in called - meant
    ]
    return " ".join(said)


def _places(prompt: str, triggers: Iterable[str]) -> list[re.Match[str]]:
    """Where the triggers are, longer ones first where one is part of another."""
    known = sorted({trigger.lower() for trigger in triggers if trigger.strip()}, key=len, reverse=True)
    if not known:
        return []
    either = "|".join(re.escape(trigger) for trigger in known)
    return list(re.finditer(rf"(?<![\w-])(?:{either})(?![\w-])", prompt, re.IGNORECASE))


def _stands_alone(prompt: str, place: re.Match[str]) -> bool:
    """Whether nothing but the trigger is between two commas."""
    before, after = prompt[: place.start()].rstrip(), prompt[place.end() :].lstrip()
    return before[-1:] in ("", ",") and after[:1] in ("", ",")


def _closed(before: str, after: str) -> str:
    """What was on both sides of words that are gone, without the comma or "and" that joined them to it."""
    joint = re.compile(r"\s*(,|\band\b|&|\bwith\b)\s*$")
    if joint.search(before):
        return joint.sub("", before) + (
            after if after[:1] in ",.;:)" else f" {after.lstrip()}" if after.strip() else ""
        )
    return before + re.sub(r"^\s*(,|and\b|&)?\s*", "", after)
