"""The library on disk: folders and JSON that people can read, copy and keep under git; no hidden database.

subjects/<slug>/subject.json, photos/ (with metadata.jsonl)      loras/<slug>/lora.json, *.safetensors
outfits/<slug>/outfit.json, outfit.png      scenes.json          pictures/<date>/<id>.png     trash/
runs/<id>/run.json, events.jsonl, checkpoints/, samples/         classes/<family>/<prompt>/     images/
sets/<id>/set.json
"""

from __future__ import annotations

from studio.library.pictures import Pictures
from studio.library.records import Added, Lora, Outfit, Photo, Picture, PictureSet, RunRecord, Scene, Subject
from studio.library.request_images import Images
from studio.library.runs import Runs
from studio.library.sets import Sets
from studio.library.subjects import Subjects
from studio.library.wardrobe import Wardrobe

__all__ = ["Added", "Library", "Lora", "Outfit", "Photo", "Picture", "PictureSet", "RunRecord", "Scene", "Subject"]


class Library(Subjects, Wardrobe, Pictures, Images, Sets, Runs):
    """One library: `Library(root)`. Each shelf above knows its own folders below the root.

    Threads may use it together; between processes, `lock` tells the one that may train.
    """
