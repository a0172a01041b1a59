"""Outfits from pictures, and how they act."""

from __future__ import annotations

from typing import Any

from studio.contracts.block_scales import Scales
from studio.imaging.photos import open_image
from studio.library import Outfit
from studio.session.session import Session
from studio.tasks.draw import check_scales


class OutfitMaking(Session):
    """What a studio does for its outfits beside what the library does."""

    def add_outfit(
        self, name: str, picture: Any, *, as_it_is: bool = False, family: str | None = None, consent: bool = False
    ) -> Outfit:
        """An outfit from a picture (a path or a PIL image): its clothes alone on plain ground; the original is kept.

        `as_it_is` takes the picture whole. Raises ValueError for one without clothes that the family's masks find.
        """
        self._check_photos([picture], consent)
        self._check_open()
        image = open_image(picture)
        if as_it_is:
            return self.library.add_outfit(name, image)
        chosen = self._named_family(family)
        alone = self.executor.ask("studio.engine.generation.outfits:cut_out", image, family=chosen)
        if alone is None:
            raise ValueError(
                "No clothes were found in this picture. Take one that shows them whole and from the "
                "front, or take the picture as it is."
            )
        self._check_open()  # a visitor may have left meanwhile
        return self.library.add_outfit(name, alone, original=image)

    def edit_outfit(
        self,
        slug: str,
        name: str | None = None,
        block_scales: Scales | None = None,
        family: str | None = None,
        *,
        as_usual: bool = False,
    ) -> Outfit:
        """Change what is given: the name, or the block scales that come with the outfit for a family; `as_usual`
        forgets these. Raises ValueError, naming the blocks that there are, for scales that do not fit.
        """
        self.notice()
        chosen = self._named_family(family)
        if block_scales is not None:
            check_scales(block_scales, chosen)
        changed = {chosen.name: None if as_usual else block_scales} if as_usual or block_scales is not None else None
        return self.library.edit_outfit(slug, name, changed)

    def keep_preset(self, name: str, block_scales: Scales | None, family: str | None = None) -> None:
        """Keep block scales as a preset of the library, or with None forget it. Raises what `edit_outfit` raises."""
        self.notice()
        chosen = self._named_family(family)
        if block_scales is not None:
            check_scales(block_scales, chosen)
        if name.strip() in chosen.outfit_presets:
            raise ValueError(f"{name.strip()} is a preset of {chosen.title} itself; take another name.")
        self.library.save_block_preset(chosen.name, name, block_scales)
