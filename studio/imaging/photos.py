"""Opening pictures that people bring: upright sRGB, or a sentence that says what is wrong with the file."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFilter, ImageOps, UnidentifiedImageError

from studio.contracts.box import Box
from studio.imaging.colours import in_srgb

MAX_MEGAPIXELS = 40
SMALLEST = 16  # pixels a side: below it nothing can be learnt
KINDS = "JPG, PNG, WebP, GIF or HEIC"
# Pillow knows more kinds, and some hand the file to other programs (EPS to Ghostscript): those are never tried.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")


def open_image(source: Path | str | bytes | Image.Image, name: str | None = None) -> Image.Image:
    """The picture upright, in "RGB" of sRGB's colours, transparency laid on white; of a moving one, its first frame.

    Raises ValueError, in a sentence with the file's name, for what is no picture, is damaged, or has more than
    40 megapixels (known from the header, before anything is decoded).
    """
    if not isinstance(source, Path | str | bytes | Image.Image):
        raise ValueError(f"{name or 'The picture'} must be a file or a picture, got {type(source).__name__}.")
    name = shown(name or (Path(source).name if isinstance(source, str | Path) else "the picture"))
    if isinstance(source, Image.Image):
        check_size(source, name)
        return _whole(source, name)
    with opened(source, name) as image:
        check_size(image, name)
        return _whole(image, name)


def size_of(source: Path | str) -> tuple[int, int]:
    """Width and height as `open_image` will give them, by the file's header alone; raises what it raises of that."""
    name = shown(Path(source).name)
    with opened(source, name) as image:
        check_size(image, name)
        try:
            # Of a PNG without one in its header Pillow would decode the pixels, to look for one behind them.
            exif = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
        except Exception as error:  # as above
            raise ValueError(_damaged(name)) from error
        turned = exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else image.size


def problems(image: Image.Image, resolution: int) -> tuple[str, ...]:
    """Sentences about what in the picture may hurt a training; `resolution` is the side, in pixels, that training sees."""
    found = []
    side = min(image.size)
    if side < resolution:
        found.append(f"too small: {side} px; {resolution} px or more would be sharper")
    if max(image.size) > 3 * side:
        found.append(f"very long: {image.width} x {image.height}; most of it falls outside the crop")
    grey = np.asarray(image.convert("L").resize((64, 64)), dtype=float)
    if grey.std() < 4:
        found.append("almost one colour: nothing to learn from")
    elif grey.mean() < 28:
        found.append("very dark: lighten it, or leave it out")
    return tuple(found)


def suggest_crop(image: Image.Image) -> Box:
    """The largest useful square round the subject: where the picture differs from its border, and has edges."""
    small = image.copy()
    small.thumbnail((96, 96))
    pixels = np.asarray(small, dtype=float)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    # Far from every common border colour: a drawn ground of two flat colours must count as ground altogether.
    samples = border[:: max(1, len(border) // 48)]
    distance = np.min(np.linalg.norm(pixels[:, :, None] - samples, axis=-1), axis=-1)
    edges = np.asarray(small.convert("L").filter(ImageFilter.FIND_EDGES), dtype=float)
    edges[[0, -1]] = edges[:, [0, -1]] = 0
    weight = distance / (distance.max() + 1e-6) + 0.5 * edges / (edges.max() + 1e-6)
    weight = np.where(weight > 0.25, weight, 0.0)
    side = min(image.size)
    if weight.sum() == 0:
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return left, top, left + side, top + side
    scale = image.width / small.width
    rows, columns = np.arange(weight.shape[0]) + 0.5, np.arange(weight.shape[1]) + 0.5
    middle_x = (weight.sum(0) * columns).sum() / weight.sum() * scale
    middle_y = (weight.sum(1) * rows).sum() / weight.sum() * scale
    left = int(min(max(middle_x - side / 2, 0), image.width - side))
    top = int(min(max(middle_y - side / 2, 0), image.height - side))
    return left, top, left + side, top + side


def checked_crop(crop: Box | None, width: int, height: int) -> Box | None:
    """The crop as whole numbers. Raises ValueError when it leaves the photo or is smaller than 16 px."""
    if crop is None:
        return None
    try:
        left, top, right, bottom = (int(round(float(value))) for value in crop)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("A crop is four numbers: left, top, right, bottom, in pixels.") from error
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"The crop {left}, {top}, {right}, {bottom} leaves the photo of {width} x {height} px.")
    if right - left < SMALLEST or bottom - top < SMALLEST:
        raise ValueError(f"The crop must be at least {SMALLEST} px wide and high, got {right - left} x {bottom - top}.")
    return left, top, right, bottom


def opened(source: Path | str | bytes, name: str) -> Image.Image:
    """The picture with its header read. Raises ValueError, in a sentence, for what is none."""
    if not isinstance(source, bytes):
        source = _file(source, name)
    if (len(source) if isinstance(source, bytes) else source.stat().st_size) == 0:
        raise ValueError(f"{name} is empty (0 bytes); export it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats())
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(name)) from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not a picture the studio reads; save it as {KINDS}.") from error
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # whatever a decoder says of a damaged header: they raise a dozen kinds
        raise ValueError(_damaged(name)) from error


def _file(path: Path | str, name: str) -> Path:
    try:
        if Path(path).is_file():  # a pipe or a device would never end
            return Path(path)
    except (OSError, ValueError):  # too long, or not a name at all
        pass
    raise ValueError(f"{name} is not there, or not a file; choose it again.")


def _whole(image: Image.Image, name: str) -> Image.Image:
    try:
        return _upright(image)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise ValueError(_damaged(name)) from error


def _damaged(name: str) -> str:
    return f"{name} is damaged and cannot be read to its end; export it again."


def shown(name: str) -> str:
    """The name as a sentence can bear it."""
    name = "".join(sign if sign.isprintable() else "?" for sign in name)
    return name if len(name) <= 80 else f"{name[:60]}...{name[-12:]}"


def check_size(image: Image.Image, name: str) -> None:
    """Raises ValueError for a picture with too many pixels, or too few."""
    if image.width * image.height > MAX_MEGAPIXELS * 1e6:
        raise ValueError(_too_large(name, image.width * image.height / 1e6))
    if min(image.size) < SMALLEST:
        raise ValueError(f"{name} is {image.width} x {image.height} px; at least {SMALLEST} px a side are needed.")


def _too_large(name: str, megapixels: float | None = None) -> str:
    has = f"has {megapixels:.0f} megapixels" if megapixels else "is too large"
    return f"{name} {has}; {MAX_MEGAPIXELS} are the most. Scale it down, then add it again."


def _upright(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")  # before eight_bits, of which none comes along
    image = in_srgb(eight_bits(ImageOps.exif_transpose(image)), profile)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """A picture with 16 bits a pixel, or more, as one in "L"; any other as it is."""
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    levels = np.nan_to_num(np.asarray(image, dtype=float))
    most = 1.0 if levels.max() <= 1 else 65535.0 if levels.max() <= 65535 else levels.max()
    return Image.fromarray((levels.clip(0, most) / most * 255).round().astype(np.uint8))


def _formats() -> tuple[str, ...]:
    """The kinds that open here; HEIC, the phones' own, where pillow-heif is installed."""
    Image.init()
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def content_of(image: Image.Image) -> str:
    """Sha256 of an image's pixels, mode and size, by which the library and caches name it."""
    return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()
