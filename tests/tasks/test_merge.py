"""Merging as a thing that is asked: of one family, within a quota, and told by the names of what is merged."""

import pytest

import studio
from studio.contracts.requests import MergeRequest
from studio.library import Library
from studio.quotas import Quota
from studio.tasks.merge import MERGE


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library")
    for name, family, rank in (("Mika", "pocket", 8), ("Leo", "pocket", 60), ("Else", "sdxl", 8)):
        library.save_lora(name, "", family, "sks", rank, 2.0, 4, write=lambda path: path.write_bytes(b"x"))
    return library


def test_it_is_of_the_family_of_what_is_merged(library):
    asked = MergeRequest(["mika", "leo"], "Both")
    assert MERGE.family(asked, library) == "pocket" and MERGE.title(asked, library) == "Merging Mika, Leo"
    with studio.open(library.root) as desk:
        with pytest.raises(ValueError, match=r"of several families \(pocket, sdxl\)"):
            desk.merge_loras(MergeRequest(["mika", "else"], "Both"))
        with pytest.raises(ValueError, match="nobody"):
            desk.start(MergeRequest(["nobody"], "Both"))
        assert desk.runs() == []


def test_a_visitor_s_has_no_higher_rank_than_may_be_trained(library):
    with pytest.raises(ValueError, match="rank may be at most 64, got 68"):
        MERGE.limit(MergeRequest(["mika", "leo"], "Both"), Quota(), library)
    MERGE.limit(MergeRequest(["mika", "leo"], "Both", rank=64), Quota(), library)
