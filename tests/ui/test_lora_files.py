"""What is told of a LoRA's file of another tool: from Python, at the endpoint and on the page."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file, save_file

import studio
from studio.ui.serializers import told_lora
from studio.ui.tabs.draw import lora_files


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("files") / "library", "pocket", sample=True) as desk:
        yield desk


def test_what_a_file_has_beside_its_lora_is_told_wherever_it_is_looked_for(desk, tmp_path, monkeypatch):
    tensors = load_file(desk.export_lora("mika", "kohya"))
    file = tmp_path / f"two  spaces {'x' * 80}.SAFETENSORS"
    save_file({**tensors, "bundle_emb.<sks>.clip_l": torch.zeros(1, 64)}, file)
    said = []
    monkeypatch.setattr(lora_files.gr, "Info", said.append)
    monkeypatch.setattr(lora_files.gr, "Warning", said.append)
    nothing = {"lora_0": "", "lora_1": ""}
    with ThreadPoolExecutor() as pool:  # this thread's loop is Playwright's once a browser journey has run
        brought = pool.submit(asyncio.run, lora_files.bring_lora(desk, str(file), "pocket", **nothing)).result()
    lora = desk.library.lora(brought["lora"].value)
    assert lora.name.startswith("two spaces xxx") and len(lora.name) == 80
    assert "bundled embeddings (<sks>)" in lora.left_out and told_lora(lora, desk.families)["left_out"] == lora.left_out
    assert "bundled embeddings (&lt;sks&gt;)" in said[-1] and "Left out" in said[-1]
    told = lora_files.chosen_file(desk, lora.slug)
    assert "rank 8, alpha 8" in told["about"] and "bundled embeddings (&lt;sks&gt;)" in told["about"]
    assert "Left out" not in lora_files.chosen_file(desk, "mika")["about"]
    assert lora_files.chosen_file(desk, "")["about"] == ""
