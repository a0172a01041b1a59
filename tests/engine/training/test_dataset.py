"""Subjects of one photo and of two hundred, and photos as large as cameras take."""

import subprocess
import sys

import pytest
from PIL import Image

from studio.contracts.events import LoraSaved
from studio.library import Library

# Decoded, eight of them take 576 MB; one at a time, 72.
LARGE = """
import resource, sys
from studio.engine.training.dataset import instance_pictures
from studio.library.family_files import built_in
from studio.library import Library
from studio.contracts.requests import TrainRequest

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

subject, before = Library(sys.argv[1]).subject("mika"), peak()
pictures = list(instance_pictures(subject, TrainRequest("mika", resolution=64), built_in()["pocket"], 4))
assert len(pictures) == 8 and pictures[0].image.size == (64, 64)
print(peak() - before)
"""


@pytest.mark.parametrize("count", [1, 200])
def test_a_subject_of_so_many_photos_is_taught(count, trains, library):
    for photo in library.subject("mika").photos:
        library.remove_photo("mika", photo.file)
    library.add_photos("mika", [Image.new("RGB", (80, 80), (number, 255 - number, 99)) for number in range(count)])
    events = list(trains(steps=2, class_images=0, sample_every=0))
    assert isinstance(events[-1], LoraSaved) and len(library.subject("mika").photos) == count


def test_photos_of_24_megapixels_are_read_one_at_a_time(tmp_path):
    photos = []
    for number in range(8):
        photos.append(tmp_path / f"{number}.jpg")
        Image.new("RGB", (4000, 6000), (30 * number, 90, 90)).save(photos[-1])
    Library(tmp_path / "library").add_subject("Mika", "girl", "sks", photos)
    told = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path / "library")], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-500:]
    assert int(told.stdout.split()[-1]) < 300, "megabytes"
