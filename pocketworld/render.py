"""From a spec to its picture, with the truth about every pixel; and to its outfit alone."""

import random
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image

from pocketworld.canvas import PARTS, Canvas, Point
from pocketworld.figure import draw_figure, draw_outfit
from pocketworld.objects import draw_object
from pocketworld.scenes import draw_scene
from pocketworld.spec import Spec

__all__ = ["PARTS", "Rendering", "outfit", "render", "sheet"]

OUTFIT_GROUND = (226, 231, 236)


@dataclass(frozen=True)
class Rendering:
    """A picture and what is where in it.

    image: RGB. parts: uint8 [height, width] of PARTS values, or None without truth.
    joints: OpenPose-like name -> (x, y) in pixels; only those inside the picture.
    """

    image: Image.Image
    parts: np.ndarray | None
    joints: dict[str, Point] = field(default_factory=dict)

    @cached_property
    def boxes(self) -> dict[str, tuple[int, int, int, int]]:
        """Part -> (x0, y0, x1, y1) in pixels, the end exclusive; parts that are not visible are absent."""
        boxes = {name: self.mask(name).getbbox() for name in PARTS if name != "background"}
        return {name: box for name, box in boxes.items() if box}

    def mask(self, *names: str) -> Image.Image:
        """L, as large as the image: white where any of the parts is."""
        if self.parts is None:
            raise ValueError("rendered without truth: call render(spec, truth=True)")
        table = np.zeros(256, np.uint8)
        table[[PARTS[name] for name in names]] = 255
        return Image.fromarray(table[self.parts])


def render(spec: Spec, size: int | tuple[int, int] = 128, truth: bool = True) -> Rendering:
    """Draw the spec as a square of size pixels, or at (width, height); the same spec gives the same pixels.

    The figure is drawn for the shorter side and never stretched: a wide picture has more scene at both sides of it,
    a tall one more sky and ground. Skip parts without truth.
    """
    rng = random.Random(spec.jitter)
    canvas = Canvas(size, truth)
    draw_scene(canvas, spec.scene, spec.ground_colour, rng)
    joints = draw_figure(canvas, spec, rng) if spec.noun else draw_object(canvas, spec, rng) or {}
    return Rendering(canvas.finished(), np.asarray(canvas.ids) if truth else None, joints)


def outfit(spec: Spec, size: int = 128, worn: bool = True) -> Image.Image:
    """RGB, size x size: the spec's clothes alone on a plain light ground, on a mannequin or laid flat.

    ValueError for a spec that wears none.
    """
    if spec.top is None:
        raise ValueError("an object wears no outfit")
    canvas = Canvas(size, truth=False)
    canvas.rectangle(0, 0, 128, 128, OUTFIT_GROUND)
    draw_outfit(canvas, spec, worn, random.Random(spec.jitter))
    return canvas.finished()


def sheet(specs: list[Spec], columns: int = 8, size: int = 128) -> Image.Image:
    """A contact sheet of the specs, row by row."""
    rows = -(-len(specs) // columns)
    paper = Image.new("RGB", (columns * size, rows * size), (255, 255, 255))
    for index, spec in enumerate(specs):
        paper.paste(render(spec, size, truth=False).image, (index % columns * size, index // columns * size))
    return paper
