"""How much of a text is read, and what of it is not: notes for prompts and captions."""

from __future__ import annotations

from studio.words.identifiers import Vocabulary
from studio.words.prompt_syntax import CHOICE, several, wildcards, words_of

SHOWN = 60  # characters of what is cut off


def prompt_note(prompt: str, vocabulary: Vocabulary | None, choices: bool = True) -> str:
    """Sentences on what of a prompt is read in another way than its words; "" for a plain one that fits.

    `choices` says whether lines and `{red|blue}` become several prompts here.
    """
    said, prompts = [], [prompt]
    if choices:
        try:
            prompts = several(prompt)
        except ValueError as error:
            said.append(str(error))
        if len(prompts) > 1:
            said.append(f"This is {len(prompts)} prompts; each is drawn from the same seeds.")
    elif CHOICE.search(prompt):
        said.append("{a|b} is several pictures on Draw alone; here it is read as letters.")
    if lists := wildcards(prompt):
        named = ", ".join(lists[:3])
        said.append(f"{named} {'is' if len(lists) == 1 else 'are'} not read: word lists are not known here.")
    if vocabulary is not None:
        tokens = max(len(vocabulary.tokens(words_of(one))) for one in prompts)
        if tokens > vocabulary.room:
            parts = -(-tokens // vocabulary.room)
            said.append(
                f"With {tokens} tokens it is read in {parts} parts or more, of {vocabulary.room} at most: "
                "what stands in the first counts most."
            )
    return " ".join(said)


def caption_note(caption: str, vocabulary: Vocabulary | None, call: str = "") -> str:
    """A sentence that names what of a caption is too long to be learnt; "" where all is read.

    `call` is what a training puts before it, such as "a picture of sks girl".
    """
    learnt = f"{call}, {caption}" if call else caption
    beyond = vocabulary.beyond(learnt) if vocabulary is not None and caption.strip() else ""
    if not beyond or vocabulary is None:
        return ""
    shown = beyond if len(beyond) <= SHOWN else f"{beyond[: SHOWN - 3]}..."
    return f"Too long: {vocabulary.room} tokens are learnt from, and not '{shown}'."
