"""From a picture and a mask to the picture with something else under the mask, and nothing else changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.contracts.events import Event, MaskFound, PictureDrawn, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import OUTSIDE, SEAM
from studio.contracts.requests import SURROUNDINGS, RepaintRequest, WearRequest, path_of
from studio.contracts.sampling import MAX_SEED
from studio.engine.generation.callback_stream import streamed
from studio.engine.generation.drawing import Adapters, Extensions, PartOfPicture, Stop, drawn
from studio.engine.generation.inpaint_region import InpaintRegion
from studio.engine.generation.outfits import prompts_of, room_for
from studio.engine.generation.time_left import TimeLeft
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.vision.grounded_sam import CLOTHING, outline
from studio.engine.vision.picture_metrics import changed_outside, seam
from studio.imaging.compositing import put_back, softened, surrounded, window_of
from studio.imaging.masks import box_of, exact_mask, halved, png_of, united, without
from studio.imaging.photos import open_image
from studio.tasks.repaint import usual_feather
from studio.tasks.try_on import repainting_of

if TYPE_CHECKING:
    from studio.library import Library

REPAINT = "repaint"  # the task that a family names a pipeline for
Tell = Callable[[Event], None]


def repaint(
    request: RepaintRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Stop
) -> Iterator[Event]:
    """Paint `request.count` times over what the mask covers, and save each picture with its recipe.

    Yields previews of the part that is worked on, and PictureDrawn after each picture. Outside of the mask and its
    feathered edge every pixel is the original's. Ends within a step once `stop()` is true; what is finished is kept.
    Raises ValueError, in a sentence, for a mask that is empty, covers everything, or is of another size.
    """
    painting = _Repainting(request, Adapters.of(request, library, pipelines, family), 0, request.count)

    def run(tell: Tell) -> None:
        painting.run(tell, library, stop)

    yield from streamed(run)


def wear(
    request: WearRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Stop
) -> Iterator[Event]:
    """Dress whoever is in each of the pictures in the outfits: MaskFound with where they may be, then as `repaint`.

    A picture without clothing is passed over; where none has any, ValueError says what to do.
    """
    shared: dict[str, Any] = {"pipelines": pipelines, "family": family}

    def prepared(number: int, tell: Tell) -> RepaintRequest | None:
        """The repainting of one of the pictures; None for one without clothes."""
        image = open_image(path_of(request.pictures[number]))
        tell(StageReported("Looking for the clothes", number, len(request.pictures)))
        clothing = outline(image, CLOTHING, **shared)
        box = box_of(clothing) if clothing else None
        if clothing is None or box is None or stop():
            return None
        mask = soft_room(*room_for(image, clothing, **shared), request.feather)
        asked = repainting_of(request, number, mask, library, family)
        tell(MaskFound(CLOTHING, 1.0, box_of(mask) or box, ((1.0, png_of(mask)),), number))
        return asked

    def run(tell: Tell) -> None:
        found, several = False, len(request.pictures) > 1
        for number in range(len(request.pictures)):
            try:
                asked = prepared(number, tell)
            except ValueError as error:  # the others can be dressed all the same
                if not several:
                    raise
                tell(StageReported(f"Picture {number + 1} stays as it is: {error}"))
                continue
            if stop():
                return
            if asked is None:
                tell(StageReported(f"No clothes were found in picture {number + 1}; it stays as it is"))
                continue
            found = True
            adapters = Adapters.of(asked, library, **shared)
            _Repainting(asked, adapters, number * request.count, request.total).run(tell, library, stop)
            if stop():
                return
        if not found:
            which = "any of these pictures" if several else "this picture"
            raise ValueError(
                f"No clothes were found in {which}: paint over where the outfit shall be, on Retouch, and repaint that."
            )

    yield from streamed(run)


def soft_room(room: Image.Image, stays: Image.Image, feather: int | None) -> Image.Image:
    """The room (L) with an edge of so many pixels in which it may be joined to the rest, and nothing of what stays."""
    edge = softened(room, usual_feather(room.size) if feather is None else feather)
    return without(united(room, halved(edge)), stays)


@dataclass(frozen=True)
class _Repainting:
    """One request, its pictures being those from number `first` on of `total`."""

    request: RepaintRequest
    adapters: Adapters
    first: int
    total: int

    def run(self, tell: Tell, library: Library, stop: Stop) -> None:
        time_left = TimeLeft()
        image = open_image(path_of(self.request.picture))
        mask = exact_mask(path_of(self.request.mask), image.size)
        for number in range(self.request.count):
            if stop():
                return
            index, seed = self.first + number, ((self.request.seed or 0) + number) % (MAX_SEED + 1)
            alone = replace(self.request, count=1, seed=seed)
            painted, where = self._picture(alone, image, mask, index, tell, stop)
            # The library's own names of both tell their content.
            named = replace(alone, picture=path_of(alone.picture).name, mask=path_of(alone.mask).name)
            estimates = {SEAM: round(seam(image, painted, where), 2), OUTSIDE: changed_outside(image, painted, where)}
            saved = library.save_picture(painted, self.adapters.recipe(named, estimates))
            time_left.drew()
            tell(PictureDrawn(index, self.total, str(saved.path), time_left.of(self.total - index - 1)))

    def _picture(
        self, request: RepaintRequest, image: Image.Image, mask: Image.Image, index: int, tell: Tell, stop: Stop
    ) -> tuple[Image.Image, Image.Image]:
        """The picture, and where it is painted (L)."""
        family, pipelines = self.adapters.family, self.adapters.pipelines
        soft = softened(mask, request.feather or 0)
        window = window_of(soft, request.padding or 0, family.resolution)
        seen, where = window.cut(image), window.cut(soft)
        part = InpaintRegion(
            surrounded(seen, where) if request.masked_content == SURROUNDINGS else seen, where, request.strength or 1.0
        )
        worn = prompts_of(self.adapters.outfits, where, pipelines=pipelines, family=family)
        width, height = window.size
        asked = PartOfPicture(prompt=request.prompt, width=width, height=height, **request.sampling())
        painted = drawn(asked, self.adapters, Extensions(worn, part=part), index, tell, stop, REPAINT)
        return put_back(image, painted, mask, soft, window)
