"""A canvas that draws a picture and, with the same strokes, which part every pixel belongs to."""

import cmath
import math
from collections.abc import Iterator
from contextlib import contextmanager

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
SUPERSAMPLING = 4
INK: Colour = (34, 28, 38)
OUTLINE = 1.3
ABOVE = 0.62  # of what a tall picture has beyond the square: so much lies above it, the rest below
Strokes = list[tuple[list[Point], float]]  # lines and how wide each is


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` of other, the rest of colour."""
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))


def shade(colour: Colour) -> Colour:
    """The colour for a detail on a garment: darker, or lighter where darker would not be seen."""
    return mix(colour, (255, 255, 255), 0.28) if sum(colour) < 200 else mix(colour, (0, 0, 0), 0.24)


def arc_points(cx: float, cy: float, rx: float, ry: float, start: int, end: int, step: int = 5) -> list[Point]:
    """Points of an ellipse from start to end degrees, counter-clockwise from the right, y down."""
    count = max(2, abs(end - start) // step)
    angles = (math.radians(start + (end - start) * i / count) for i in range(count + 1))
    return [(cx + rx * math.cos(a), cy - ry * math.sin(a)) for a in angles]


def rounded(points: list[Point]) -> list[Point]:
    """The polygon with its corners cut (Chaikin, 1974), twice."""
    for share in (0.2, 0.25):
        points = [
            between(start, end, way)
            for start, end in zip(points, points[1:] + points[:1], strict=True)
            for way in (share, 1 - share)
        ]
    return points


def curve(points: list[Point]) -> list[Point]:
    """The open line with its corners cut likewise; its ends stay."""
    for _ in range(2):
        pairs = zip(points, points[1:], strict=False)
        inner = [between(start, end, way) for start, end in pairs for way in (0.25, 0.75)]
        points = [points[0], *inner[1:-1], points[-1]]
    return points


def between(start: Point, end: Point, share: float) -> Point:
    """The point at `share` of the way."""
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def turned(point: Point, degrees: float, centre: Point) -> Point:
    """The point turned clockwise about the centre."""
    angle = math.radians(degrees)
    x, y = point[0] - centre[0], point[1] - centre[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos


def _reduced(pixels: list[Point]) -> list[Point]:
    """The pixels of the picture that is drawn, in the finished one."""
    return [(x / SUPERSAMPLING, y / SUPERSAMPLING) for x, y in pixels]


class Canvas:
    """Draws in units of 1/128 of the picture's shorter side; `part` says what the next strokes belong to.

    A square picture shows 0 to 128 both ways. A wide one shows more at the left and the right of that, a tall one
    more above and below: from (left, top) to (right, bottom).
    """

    def __init__(self, size: int | tuple[int, int], truth: bool = True) -> None:
        self.size = width, height = (size, size) if isinstance(size, int) else size
        self.scale = min(width, height) / 128
        self.left, self.right = 64 - width / self.scale / 2, 64 + width / self.scale / 2
        self.top = (128 - height / self.scale) * ABOVE
        self.bottom = self.top + height / self.scale
        self.unit = self.scale * SUPERSAMPLING
        self.image = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        self.ids = Image.new("L", (width, height)) if truth else None
        self._draw = ImageDraw.Draw(self.image)
        self._mark = ImageDraw.Draw(self.ids) if truth else None
        self.part: str | None = None
        self.place(0, 0, 1)

    def place(self, x: float, y: float, zoom: float) -> None:
        """From here on the origin is at (x, y), and everything is zoom times as large."""
        self._origin, self._turn = complex(x, y), complex(zoom)

    @contextmanager
    def turned(self, *turns: tuple[float, Point]) -> Iterator[None]:
        """Inside, everything is turned clockwise by the degrees about the point, by each turn in that of the one before."""
        before = self._origin, self._turn
        for degrees, centre in turns:
            turn, about = cmath.rect(1, math.radians(degrees)), complex(*centre)
            self._origin += self._turn * about * (1 - turn)
            self._turn *= turn
        yield
        self._origin, self._turn = before

    def at(self, x: float, y: float) -> Point:
        """Where a point is in the finished picture, in its pixels."""
        ((across, down),) = self._pixels([(x, y)])
        return across / SUPERSAMPLING, down / SUPERSAMPLING

    def polygon(self, points: list[Point], fill: Colour, outline: bool = True, smooth: bool = False) -> None:
        pixels = self._pixels(rounded(points) if smooth else points)
        self._draw.polygon(pixels, fill=fill)
        if outline:
            self._draw.line(pixels + pixels[:2], fill=INK, width=self._width(OUTLINE), joint="curve")
        self._mark_polygon(pixels)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour, outline: bool = True) -> None:
        if self._turn.imag and rx != ry:
            inset = OUTLINE / 2 if outline else 0  # an ellipse has its outline inside
            self.polygon(arc_points(cx, cy, rx - inset, ry - inset, 0, 355, step=5), fill, outline)
            return
        ((x, y),) = self._pixels([(cx, cy)])
        half = abs(self._turn) * self.unit
        box = [x - rx * half, y - ry * half, x + rx * half, y + ry * half]
        width = self._width(OUTLINE) if outline else 0
        self._draw.ellipse(box, fill=fill, outline=INK if outline else None, width=width)
        if self._marking:
            self._mark.ellipse(_reduced([(box[0], box[1]), (box[2], box[3])]), fill=PARTS[self.part])

    def limb(self, points: list[Point], width: float, fill: Colour, outline: bool = True) -> None:
        """A thick line with round ends."""
        self.limbs([(points, width)], fill, outline)

    def limbs(self, strokes: Strokes, fill: Colour, outline: bool = True) -> None:
        """Thick lines with round ends, under one outline."""
        lines = [(self._pixels(points), self._width(width)) for points, width in strokes]
        if outline:
            for pixels, thick in lines:
                self._stroke(self._draw, pixels, thick + 2 * self._width(OUTLINE * 0.8), INK)
        for pixels, thick in lines:
            self._stroke(self._draw, pixels, thick, fill)
            if self._marking:
                width = max(1, round(thick / SUPERSAMPLING))
                self._stroke(self._mark, _reduced(pixels), width, PARTS[self.part])

    def line(self, points: list[Point], fill: Colour, width: float) -> None:
        self._draw.line(self._pixels(points), fill=fill, width=self._width(width), joint="curve")

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """A plain rectangle without outline; it marks no part."""
        pixels = self._pixels([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        if self._turn.imag:
            self._draw.polygon(pixels, fill=fill)
        else:
            self._draw.rectangle([pixels[0], pixels[2]], fill=fill)

    def band(self, y0: float, y1: float, fill: Colour) -> None:
        """A plain rectangle over the whole width of the picture."""
        self.rectangle(self.left, y0, self.right, y1, fill)

    def finished(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.reduce(SUPERSAMPLING)

    @property
    def _marking(self) -> bool:
        return self._mark is not None and self.part is not None

    def _mark_polygon(self, pixels: list[Point]) -> None:
        if self._marking:
            self._mark.polygon(_reduced(pixels), fill=PARTS[self.part])

    @staticmethod
    def _stroke(draw: ImageDraw.ImageDraw, pixels: list[Point], width: int, fill) -> None:
        draw.line(pixels, fill=fill, width=width)
        half = width / 2
        for x, y in pixels:  # a disc at every joint is rounder and cheaper than joint="curve"
            draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)

    def _pixels(self, points: list[Point]) -> list[Point]:
        turn, unit = self._turn * self.unit, self.unit
        origin = (self._origin - complex(self.left, self.top)) * unit
        placed = [turn * complex(x, y) + origin for x, y in points]
        return [(point.real, point.imag) for point in placed]

    def _width(self, width: float) -> int:
        return max(1, round(width * abs(self._turn) * self.unit))
