"""Colours as every viewer shows them: a picture with an ICC profile, in sRGB, which the networks take all numbers for."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
# By the file's own white, and dark tones kept apart: what browsers and photo editors do.
_INTENT, _FLAGS = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in "RGB", or "RGBA" where it has transparency, with its colours converted from `profile` to sRGB.

    Without a profile its numbers count as sRGB, as they do for viewers; so too where the profile is damaged or is
    one of another kind of image. What comes back has no profile, so that a second reading changes nothing.
    """
    see_through = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if see_through else None
    flat = _without_alpha(image)
    converted = _converted(flat, profile) or flat.convert("RGB")
    if alpha is not None:
        converted.putalpha(alpha)
    for name in ("icc_profile", "transparency"):
        converted.info.pop(name, None)
    return converted


def _without_alpha(image: Image.Image) -> Image.Image:
    """The image's colours in a mode that profiles are made for: L, RGB, CMYK or LAB."""
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode in ("LA", "La", "1"):
        return image.convert("LA").getchannel("L") if image.mode != "1" else image.convert("L")
    return image.convert("RGBA").convert("RGB") if image.mode in ("PA", "RGBa", "P") else image.convert("RGB")


def _converted(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The image in sRGB; None where there is nothing to convert, or no way."""
    try:
        if image.mode == "LAB":  # its numbers are colours by themselves; Pillow has no other way out of it
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif profile and not _is_srgb(source := ImageCms.ImageCmsProfile(io.BytesIO(profile))):
            pass
        else:
            return None
        return ImageCms.profileToProfile(image, source, _SRGB, _INTENT, "RGB", flags=_FLAGS)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether it is one of the many writings of sRGB, between which rounding alone would change pixels."""
    return "srgb" in (ImageCms.getProfileDescription(profile) or "").lower()
