"""A canvas that draws a picture and, with the same strokes, which part every pixel belongs to."""

import math

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

PARTS = {
    "background": 0,
    "body": 1,
    "face": 2,
    "hair": 3,
    "top": 4,
    "bottom": 5,
    "shoes": 6,
    "accessory": 7,
    "object": 8,
}
SUPERSAMPLING = 2
INK: Colour = (34, 28, 38)
OUTLINE = 1.3


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` of other, the rest of colour."""
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))


def shade(colour: Colour) -> Colour:
    """The colour for a detail on a garment: darker, or lighter where darker would not be seen."""
    return mix(colour, (255, 255, 255), 0.28) if sum(colour) < 200 else mix(colour, (0, 0, 0), 0.24)


def arc_points(cx: float, cy: float, rx: float, ry: float, start: int, end: int, step: int = 12) -> list[Point]:
    """Points of an ellipse from start to end degrees, counter-clockwise from the right, y down."""
    count = max(2, abs(end - start) // step)
    angles = (math.radians(start + (end - start) * i / count) for i in range(count + 1))
    return [(cx + rx * math.cos(a), cy - ry * math.sin(a)) for a in angles]


def rounded(points: list[Point]) -> list[Point]:
    """The polygon with its corners cut (Chaikin, 1974), once."""
    cut = []
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        cut.append((0.8 * x0 + 0.2 * x1, 0.8 * y0 + 0.2 * y1))
        cut.append((0.2 * x0 + 0.8 * x1, 0.2 * y0 + 0.8 * y1))
    return cut


class Canvas:
    """Draws in units of 1/128 of the picture; `part` says what the next strokes belong to."""

    def __init__(self, size: int, truth: bool = True) -> None:
        self.size = size
        side = size * SUPERSAMPLING
        self.image = Image.new("RGB", (side, side))
        self.ids = Image.new("L", (size, size)) if truth else None
        self._draw = ImageDraw.Draw(self.image)
        self._mark = ImageDraw.Draw(self.ids) if truth else None
        self.part: str | None = None
        self.place(0, 0, 1)

    def place(self, x: float, y: float, zoom: float) -> None:
        """From here on the origin is at (x, y), and everything is zoom times as large."""
        self.x, self.y, self.zoom = x, y, zoom
        self.unit = self.size * SUPERSAMPLING / 128

    def at(self, x: float, y: float) -> Point:
        """Where a point is in the finished picture, in its pixels."""
        unit = self.size / 128
        return (self.x + x * self.zoom) * unit, (self.y + y * self.zoom) * unit

    def polygon(self, points: list[Point], fill: Colour, outline: bool = True, smooth: bool = False) -> None:
        pixels = self._pixels(rounded(points) if smooth else points)
        self._draw.polygon(pixels, fill=fill)
        if outline:
            self._draw.line(
                pixels + pixels[:2], fill=INK, width=self._width(OUTLINE), joint=None if smooth else "curve"
            )
        self._mark_polygon(pixels)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour, outline: bool = True) -> None:
        box = self._box(cx - rx, cy - ry, cx + rx, cy + ry)
        width = self._width(OUTLINE) if outline else 0
        self._draw.ellipse(box, fill=fill, outline=INK if outline else None, width=width)
        if self._marking:
            self._mark.ellipse([v / SUPERSAMPLING for v in box], fill=PARTS[self.part])

    def limb(self, points: list[Point], width: float, fill: Colour, outline: bool = True) -> None:
        """A thick line with round ends."""
        pixels = self._pixels(points)
        thick = max(1, round(width * self.zoom * self.unit))
        if outline:
            self._stroke(self._draw, pixels, thick + 2 * self._width(OUTLINE * 0.8), INK)
        self._stroke(self._draw, pixels, thick, fill)
        if self._marking:
            small = [(x / SUPERSAMPLING, y / SUPERSAMPLING) for x, y in pixels]
            self._stroke(self._mark, small, max(1, thick // SUPERSAMPLING), PARTS[self.part])

    def line(self, points: list[Point], fill: Colour, width: float) -> None:
        self._draw.line(self._pixels(points), fill=fill, width=self._width(width), joint="curve")

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """A plain rectangle without outline; it marks no part."""
        self._draw.rectangle(self._box(x0, y0, x1, y1), fill=fill)

    def finished(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.reduce(SUPERSAMPLING)

    @property
    def _marking(self) -> bool:
        return self._mark is not None and self.part is not None

    def _mark_polygon(self, pixels: list[Point]) -> None:
        if self._marking:
            small = [(x / SUPERSAMPLING, y / SUPERSAMPLING) for x, y in pixels]
            self._mark.polygon(small, fill=PARTS[self.part])

    @staticmethod
    def _stroke(draw: ImageDraw.ImageDraw, pixels: list[Point], width: int, fill) -> None:
        draw.line(pixels, fill=fill, width=width)
        half = width / 2
        for x, y in pixels:  # a disc at every joint is rounder and cheaper than joint="curve"
            draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)

    def _pixels(self, points: list[Point]) -> list[Point]:
        zoom, unit = self.zoom * self.unit, self.unit
        dx, dy = self.x * unit, self.y * unit
        return [(dx + x * zoom, dy + y * zoom) for x, y in points]

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> list[float]:
        zoom, dx, dy = self.zoom * self.unit, self.x * self.unit, self.y * self.unit
        return [dx + x0 * zoom, dy + y0 * zoom, dx + x1 * zoom, dy + y1 * zoom]

    def _width(self, width: float) -> int:
        return max(1, round(width * self.zoom * self.unit))
