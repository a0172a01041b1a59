"""LoRA files of other tools: taken in as strong as they are, or refused by what they are; and given out as theirs."""

import json
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from diffusers import DiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn

from studio.contracts.family import ASSETS
from studio.engine.adapters.exporting import export_lora, inspect_lora
from studio.engine.adapters.lora import NAME, fingerprint, load_lora
from studio.engine.models.layouts import driver_of
from studio.engine.models.sd15 import SD15Driver
from studio.engine.models.sdxl import SDXLDriver

LAYOUTS = pytest.mark.parametrize("layout", ["sdxl", "sd15"])
# A layer of each kind there is, and one of a text encoder's second half.
LAYERS = {
    "unet": (
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "up_blocks.1.attentions.1.transformer_blocks.0.ff.net.0.proj",
        "mid_block.attentions.0.proj_in",
        "down_blocks.1.resnets.0.conv1",
        "down_blocks.1.resnets.0.time_emb_proj",
        "down_blocks.0.downsamplers.0.conv",
        "up_blocks.1.upsamplers.0.conv",
    ),
    "text_encoder": ("encoder.layers.0.self_attn.q_proj", "encoder.layers.1.mlp.fc1"),
    "text_encoder_2": ("encoder.layers.1.self_attn.out_proj",),
}
BLOCKS = {  # of transformers in the full-size UNets, as sd-scripts names them -> how deep each is
    "sdxl": {
        **{f"input_blocks_{block}_1": 2 for block in (4, 5)},
        **{f"input_blocks_{block}_1": 10 for block in (7, 8)},
        "middle_block_1": 10,
        **{f"output_blocks_{block}_1": 10 for block in (0, 1, 2)},
        **{f"output_blocks_{block}_1": 2 for block in (3, 4, 5)},
    },
    "sd15": {
        **{f"down_blocks_{block}_attentions_{one}": 1 for block, one in product((0, 1, 2), (0, 1))},
        "mid_block_attentions_0": 1,
        **{f"up_blocks_{block}_attentions_{one}": 1 for block, one in product((1, 2, 3), (0, 1, 2))},
    },
}
OTHERS = {  # and some of its names outside of these
    "sdxl": {
        "input_blocks_3_0_op",
        "input_blocks_4_0_skip_connection",
        "input_blocks_5_0_in_layers_2",
        "middle_block_2_out_layers_3",
        "output_blocks_2_2_conv",
        "output_blocks_8_0_emb_layers_1",
    },
    "sd15": {"down_blocks_0_downsamplers_0_conv", "up_blocks_3_resnets_2_conv_shortcut", "mid_block_resnets_1_conv2"},
}
TEXTS = {"sdxl": {"lora_te1": 12, "lora_te2": 32}, "sd15": {"lora_te": 12}}
COUNTS = {"sdxl": 722 + 72 + 192, "sd15": 192 + 72}  # as sd-scripts reports them


def names_of_sd_scripts(layout):
    attention = [f"attn{one}_to_{part}" for one, part in product((1, 2), ("q", "k", "v", "out_0"))]
    names = {
        f"lora_unet_{block}_transformer_blocks_{number}_{part}"
        for block, depth in BLOCKS[layout].items()
        for number, part in product(range(depth), (*attention, "ff_net_0_proj", "ff_net_2"))
    }
    names |= {f"lora_unet_{block}_{part}" for block, part in product(BLOCKS[layout], ("proj_in", "proj_out"))}
    parts = [f"self_attn_{part}_proj" for part in ("q", "k", "v", "out")] + ["mlp_fc1", "mlp_fc2"]
    return names | {
        f"{start}_text_model_encoder_layers_{number}_{part}"
        for start, depth in TEXTS[layout].items()
        for number, part in product(range(depth), parts)
    }


def full_size(layout):
    """The networks of the published configurations that LoRAs teach, without weights."""
    folder = ASSETS / "families" / layout
    parts = json.loads((folder / "model_index.json").read_text())
    with torch.device("meta"):
        networks = {"unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))}
        for name in parts.keys() & LAYERS.keys() - {"unet"}:
            kind = getattr(transformers, parts[name][1])
            networks[name] = kind(kind.config_class.from_pretrained(folder / name))
    return SimpleNamespace(**networks)


@LAYOUTS
def test_layers_of_the_full_size_are_called_as_sd_scripts_calls_them(layout):
    driver = {"sdxl": SDXLDriver, "sd15": SD15Driver}[layout]()
    pipeline = full_size(layout)
    ours = {
        driver.kohya_name(pipeline, component, name)
        for component in LAYERS
        for name, module in getattr(pipeline, component, nn.Module()).named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    theirs = names_of_sd_scripts(layout)
    assert len(theirs) == COUNTS[layout]
    assert theirs | {f"lora_unet_{name}" for name in OTHERS[layout]} <= ours
    assert {name for name in ours if "transformer_blocks" in name or "self_attn" in name} <= theirs


def places_of(pipeline):
    """component, module -> its weight, of the layers above that the pipeline has."""
    found = {}
    for component, names in LAYERS.items():
        for name in names if getattr(pipeline, component, None) is not None else ():
            network = getattr(pipeline, component)
            own = next(one for one in (name, f"text_model.{name}") if one in dict(network.named_modules()))
            found[component, own] = network.get_submodule(own).weight
    return found


@pytest.fixture
def foreign(pipelines, toys, tmp_path):
    """foreign(layout) -> family, a kohya file whose layers have a rank and an alpha each, what each layer adds."""

    def made(layout):
        family, chances = toys(layout)[0], torch.Generator().manual_seed(0)
        tensors, changes = {}, {}
        with pipelines.lend(family) as pipeline:
            for number, (place, weight) in enumerate(places_of(pipeline).items()):
                name, rank, alpha = driver_of(family).kohya_name(pipeline, *place), 1 + number % 4, 0.5 + number % 3
                down = torch.randn(rank, *weight.shape[1:], generator=chances)
                up = torch.randn(len(weight), rank, *(1,) * (weight.ndim - 2), generator=chances)
                tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
                tensors[f"{name}.alpha"] = torch.tensor(alpha)
                changes[place] = alpha / rank * up.flatten(1) @ down.flatten(1)
        path = tmp_path / "foreign.safetensors"
        save_file(tensors, path)
        return family, path, changes

    return made


def changes_of(path, pipelines, family):
    """What each layer adds to its module's weight, as it is drawn with."""
    with pipelines.lend(family) as pipeline:
        return {
            (place.component, place.name): scaled(place.layer)
            for place in load_lora(driver_of(family), pipeline, path).places
        }


def scaled(layer, name=NAME):
    up, down = (getattr(layer, matrix)[name].weight.detach().flatten(1) for matrix in ("lora_B", "lora_A"))
    return layer.scaling[name] * (up @ down)


def assert_alike(found, wanted, rel=1e-5):
    assert found.keys() == wanted.keys()
    for place, change in wanted.items():
        assert (found[place] - change).norm() <= rel * change.norm(), place


def taken_in(library, path, family):
    return library.save_lora(
        path.stem, "", family.name, "", 4, 2.0, 0, write=lambda kept: kept.write_bytes(path.read_bytes())
    )


@LAYOUTS
def test_each_layer_is_as_strong_as_in_its_file_and_stays_so_in_both_layouts(
    layout, foreign, pipelines, library, tmp_path
):
    family, path, changes = foreign(layout)
    assert_alike(changes_of(path, pipelines, family), changes)
    diffusers = export_lora(
        taken_in(library, path, family), "diffusers", tmp_path / "out", pipelines=pipelines, family=family
    )
    assert all(name.startswith(("unet.", "text_encoder")) for name in load_file(diffusers))
    assert_alike(changes_of(diffusers, pipelines, family), changes)
    kohya = export_lora(
        taken_in(library, diffusers, family), "kohya", tmp_path / "out", pipelines=pipelines, family=family
    )
    assert load_file(kohya).keys() == load_file(path).keys()
    assert_alike(changes_of(kohya, pipelines, family), changes)


@LAYOUTS
def test_diffusers_itself_finds_the_same_strengths_in_what_goes_out(layout, foreign, pipelines, library, tmp_path):
    family, path, changes = foreign(layout)
    changes = {place: change for place, change in changes.items() if place[0] == "unet"}
    only = {name: tensor for name, tensor in load_file(path).items() if name.startswith("lora_unet")}
    save_file(only, path)
    lora = taken_in(library, path, family)
    out = export_lora(lora, "diffusers", tmp_path / "out", pipelines=pipelines, family=family)
    pipeline = DiffusionPipeline.from_pretrained(family.weights)
    pipeline.load_lora_weights(str(out.parent), weight_name=out.name)
    layers = {name: layer for name, layer in pipeline.unet.named_modules() if hasattr(layer, "lora_A")}
    adapter = next(iter(next(iter(layers.values())).lora_A))
    assert_alike({("unet", name): scaled(layer, adapter) for name, layer in layers.items()}, changes)


def test_two_files_of_equal_mathematics_draw_the_same_picture(pipelines, family, library, draws, lora_file, tmp_path):
    lora = taken_in(library, lora_file, family)
    kohya = load_file(export_lora(lora, "kohya", tmp_path, pipelines=pipelines, family=family))
    by_layer, folded = dict(kohya), dict(kohya)
    for name in kohya:
        if "attn2" in name and name.endswith(".alpha"):
            by_layer[name] = torch.tensor(kohya[name].item() / 8)
        if "attn2" in name and "lora_up" in name:
            folded[name] = kohya[name] / 8
    drawn = []
    for name, tensors in (("by-layer", by_layer), ("folded", folded), ("whole", kohya)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        slug = taken_in(library, tmp_path / f"{name}.safetensors", family).slug
        drawn.append(np.asarray(draws(lora=slug)[0].image))
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


@LAYOUTS
def test_names_of_every_other_tool_are_read(layout, foreign, pipelines, tmp_path):
    family, path, changes = foreign(layout)
    places, tensors = list(changes), load_file(path)
    with pipelines.lend(family) as pipeline:
        pairs = {
            place: [
                tensors[f"{driver_of(family).kohya_name(pipeline, *place)}.{end}"]
                for end in ("lora_down.weight", "lora_up.weight", "alpha")
            ]
            for place in places
        }
    unet = {name: pair for (component, name), pair in pairs.items() if component == "unet"}
    key = next(name for name in unet if name.endswith("attn2.to_k"))
    out = next(name for name in unet if name.endswith("to_out.0"))
    text = next(name for component, name in places if component == "text_encoder" and "q_proj" in name)
    plain = text.removeprefix("text_model.")
    ab, old, linear = ("lora_A", "lora_B"), ("_lora.down", "_lora.up"), ("lora.down", "lora.up")
    written = (  # what the file calls a layer, what it calls the matrices, whose they are
        (f"unet.{key}.", ab, "unet", key),
        (f"base_model.model.{key}.", ab, "unet", key),
        (f"base_model.model.text_model.{plain}.", ("lora_A.default", "lora_B.default"), "text_encoder", text),
        (f"unet.{key}".replace("attn2.", "attn2.processor."), old, "unet", key),
        (f"unet.{out}".replace("to_out.0", "processor.to_out"), old, "unet", out),
        (key + ".", linear, "unet", key),
        (
            f"text_encoder.text_model.{plain}.",
            ("lora_linear_layer.down", "lora_linear_layer.up"),
            "text_encoder",
            text,
        ),
        (f"text_encoder.{plain}".replace("q_proj", "to_q"), old, "text_encoder", text),
        (f"lora_unet_{key}.".replace(".", "_", key.count(".")), ("lora_down", "lora_up"), "unet", key),
        (f"lora_te_{plain}.".replace(".", "_", plain.count(".")), ("lora_down", "lora_up"), "text_encoder", text),
    )
    for called, ends, component, name in written:
        down, up, alpha = pairs[component, name]
        file = tmp_path / "named.safetensors"
        save_file({f"{called}{end}.weight": matrix for end, matrix in zip(ends, (down, up), strict=True)}, file)
        wanted = changes[component, name] * len(down) / alpha.item()  # none of these tells an alpha
        assert_alike(changes_of(file, pipelines, family), {(component, name): wanted})


def test_headers_tell_the_alphas_that_names_cannot(foreign, pipelines, tmp_path):
    family, path, _ = foreign("sdxl")
    name = LAYERS["unet"][0]
    with pipelines.lend(family) as pipeline:
        weight = pipeline.unet.get_submodule(name).weight
        down, up = torch.randn(2, weight.shape[1]), torch.randn(len(weight), 2)
    for told, scale in (
        ({"unet.lora_alpha": 8.0}, 4.0),
        ({"unet.lora_alpha": 8.0, "unet.alpha_pattern": {"attn2.to_k": 1.0}}, 0.5),
        ({"unet.lora_alpha": 8.0, "unet.use_rslora": True}, 8.0 / 2**0.5),
        ({"unet.lora_alpha": float("nan")}, 1.0),
        ({"unet.r": 8000, "unet.init_lora_weights": "pissa"}, 1.0),
    ):
        save_file(
            {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up},
            path,
            {"lora_adapter_metadata": json.dumps(told)},
        )
        assert_alike(changes_of(path, pipelines, family), {("unet", name): scale * up @ down})


def test_what_is_no_plain_lora_is_refused_by_what_it_is(foreign, pipelines, tmp_path):
    family, path, _ = foreign("sdxl")
    kohya, one = load_file(path), torch.ones(2, 2)
    first = next(iter(kohya)).partition(".")[0]
    for change, said in (
        ({"lora_unet_x.hada_w1_a": one}, "is a LoHa .LyCORIS.: .*Merge it into its base"),
        ({"lora_unet_x.lokr_w1": one}, "is a LoKr .LyCORIS.: .*Merge it into its base"),
        ({f"{first}.dora_scale": one}, "is a DoRA, .*Merge it into its base"),
        ({f"{first}.lora_magnitude_vector": one}, "is a DoRA"),
        ({"lora_unet_x.oft_blocks": one}, "is an OFT"),
        ({f"{first}.diff_b": one}, "whole weights beside it"),
        ({"unet.conv_in.weight": one}, "holds unet.conv_in.weight, which is no part of a plain LoRA"),
        ({"lora_unet_mid_block_attentions_7_proj_in.lora_down.weight": one}, "lacks one of its two matrices"),
        ({f"{first}.lora_down.weight": torch.ones(9, 3)}, "do not fit each other"),
    ):
        save_file({**kohya, **change}, path)
        with pipelines.lend(family) as pipeline:
            before = fingerprint(pipeline)
            with pytest.raises(ValueError, match=said):
                load_lora(driver_of(family), pipeline, path)
            assert fingerprint(pipeline) == before
    for tensors, said in (
        ({"model.diffusion_model.input_blocks.0.0.weight": one}, "is a whole checkpoint: add it as a family"),
        ({"clip_l": one, "clip_g": one.clone()}, "is an embedding"),
        ({"emb_params": one}, "is an embedding"),
    ):
        save_file(tensors, path)
        with pytest.raises(ValueError, match=said):
            inspect_lora(path, pipelines=pipelines, family=family)


def test_eight_bits_are_widened_and_convolutions_with_a_middle_multiplied_out(foreign, pipelines):
    family, path, changes = foreign("sdxl")
    kohya = load_file(path)
    save_file({name: t.to(torch.float8_e4m3fn) if t.ndim else t for name, t in kohya.items()}, path)
    assert_alike(changes_of(path, pipelines, family), changes, rel=0.1)
    name = next(name for name in kohya if name.endswith("lora_down.weight") and kohya[name].shape[-1] == 3)
    layer = name.partition(".")[0]
    up, middle = torch.randn(len(kohya[f"{layer}.lora_up.weight"]), 2, 1, 1), torch.randn(2, 3, 3, 3)
    down = torch.randn(3, kohya[name].shape[1], 1, 1)
    parts = {"lora_up.weight": up, "lora_mid.weight": middle, "lora_down.weight": down}
    save_file({f"{layer}.{part}": tensor for part, tensor in parts.items()}, path)
    wanted = torch.einsum("oa,abkl,bi->oikl", up.flatten(1), middle, down.flatten(1)).flatten(1)
    (found,) = changes_of(path, pipelines, family).values()
    assert (found - wanted).norm() < 1e-4 * wanted.norm()


def test_what_is_left_out_of_a_file_is_told(foreign, pipelines):
    family, path, changes = foreign("sdxl")
    kohya, start = load_file(path), "lora_te1_text_model_encoder_layers_0"
    far = {n.replace("layers_0", "layers_30"): t.clone() for n, t in kohya.items() if n.startswith(start)}
    save_file({**kohya, **far, "bundle_emb.sks.clip_l": torch.ones(1, 32)}, path)
    said = inspect_lora(path, pipelines=pipelines, family=family)["left_out"]
    assert "bundled embeddings (sks)" in said
    assert "1 layer of a text encoder that this family does not have" in said and "layers_30" in said
    assert_alike(changes_of(path, pipelines, family), changes)
    save_file(far, path)
    with pytest.raises(ValueError, match="wrong base"):
        inspect_lora(path, pipelines=pipelines, family=family)
