"""Subjects, LoRAs and pictures as plain JSON, the way the API tells them.

None of them has a key "path", since gradio_client downloads whatever has one: only `sent` files are to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio import processing_utils, utils
from PIL import Image

from studio.contracts.family import ModelFamily
from studio.imaging.masks import Mask
from studio.library import Lora, Outfit, Photo, Picture, Subject
from studio.ui.html import url
from studio.ui.subject_actions import CaptionNote, caption_note_for


def told_photo(photo: Photo, note: CaptionNote) -> dict[str, Any]:
    """A photo with its caption, its crop in pixels and what may hurt the training."""
    return {
        "file": photo.file,
        "stored_at": str(photo.path),
        "url": f"/{url(photo.path)}",
        "caption": photo.caption,
        "crop": list(photo.crop) if photo.crop else None,
        "width": photo.width,
        "height": photo.height,
        "notes": [*photo.notes, *filter(None, [note(photo.caption)])],
    }


def told_subject(subject: Subject, family: ModelFamily) -> dict[str, Any]:
    """A subject with all its photos, each with what of its caption the family cannot learn."""
    note = caption_note_for(subject, family)
    return {
        "slug": subject.slug,
        "name": subject.name,
        "class_noun": subject.class_noun,
        "identifier": subject.identifier,
        "trigger": subject.trigger,
        "created": subject.created,
        "photos": [told_photo(photo, note) for photo in subject.photos],
    }


def told_lora(lora: Lora, families: Mapping[str, ModelFamily]) -> dict[str, Any]:
    """A LoRA as its folder describes it, and what became of one of its family's earlier weights."""
    told = {name: value for name, value in vars(lora).items() if name not in ("path", "preview")}
    home = families.get(lora.family)
    return {**told, "stored_at": str(lora.path), "remark": lora.remark(home) if home else ""}


def told_outfit(outfit: Outfit) -> dict[str, Any]:
    """An outfit; its original is the picture that it was cut out of."""
    original = outfit.original
    return {
        "slug": outfit.slug,
        "name": outfit.name,
        "created": outfit.created,
        "stored_at": str(outfit.path),
        "url": f"/{url(outfit.path)}",
        "original_url": f"/{url(original)}" if original else None,
        "block_scales": dict(outfit.block_scales),
    }


def told_picture(picture: Picture) -> dict[str, Any]:
    """A picture with its recipe."""
    return {
        "id": picture.id,
        "stored_at": str(picture.path),
        "url": f"/{url(picture.path)}",
        "favourite": picture.favourite,
        "created": picture.created,
        "recipe": picture.recipe.to_json(),
    }


def drawn_picture(picture: Picture) -> dict[str, Any]:
    """As `told_picture`, with the file itself: gradio_client puts a copy on the caller's disk, recipe inside."""
    return {**told_picture(picture), "file": sent(picture.path)}


def sent(path: Path) -> dict[str, Any]:
    """A file as gradio_client downloads it, under its own name."""
    return {"path": str(path.absolute()), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def told_mask(mask: Mask) -> dict[str, Any]:
    """What was found, with the mask and its candidates as files that gradio_client fetches."""
    return {
        "label": mask.label,
        "score": mask.score,
        "box": list(mask.box),
        "file": sent(fetchable(mask.image)),
        "candidates": [{"score": one.score, "file": sent(fetchable(one.image))} for one in mask.candidates],
    }


def fetchable(image: Image.Image, name: str = "mask") -> Path:
    """A mask, or another image, as a PNG where the page and the API may fetch it for a while."""
    folder = utils.get_upload_folder()
    return Path(processing_utils.save_pil_to_cache(image, cache_dir=folder, name=name, format="png"))


def kept_for_a_while(data: bytes, name: str) -> Path:
    """Bytes as a file that the page and the API may fetch."""
    folder = utils.get_upload_folder()
    return Path(processing_utils.save_bytes_to_cache(data, name, folder))


def told_family(family: ModelFamily) -> dict[str, Any]:
    """A family: what it is, its usual settings, and the words that it knows."""
    return {
        "name": family.name,
        "title": family.title,
        "description": family.description,
        "licence": family.licence,
        "commercial": family.commercial,
        "download_gb": family.download_gb,
        "resolution": family.resolution,
        "sides": list(family.sides) if family.sides else None,
        "real_people": family.real_people,
        "schedulers": list(family.schedulers),
        "drawing": dict(family.drawing),
        "training": dict(family.training),
        "presets": {name: preset.to_json() for name, preset in family.presets.items()},
        "words": family.words(),
        "masking": dict(family.masking),
        "segmenters": list(family.segmenters),
        "things": family.things(),
        "image_adapters": list(family.image_adapters),
        "blocks": [list(block) for block in family.blocks],
        "outfit_presets": dict(family.outfit_presets),
        "outfit_prompt": family.outfit_prompt,
    }
