"""Grounding DINO and the SAMs made tiny: the published layouts of their folders, few channels, random weights."""

from __future__ import annotations

import json
import string
from pathlib import Path

import torch
import transformers

SIDE = 64
# transformers' Grounding DINO looks for these words by BERT's own numbers.
PLACES = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
WORDS = ("clothing", "hair", "red", "jacket", *string.ascii_lowercase, *(f"##{one}" for one in string.ascii_lowercase))
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def make_detector(folder: Path) -> Path:
    """As the hub's grounding-dino-tiny has it: preprocessor_config.json, vocab.txt, config.json, model.safetensors."""
    torch.manual_seed(0)
    backbone = transformers.SwinConfig(
        image_size=SIDE,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    known = max(PLACES.values()) + 1 + len(WORDS)
    text = transformers.BertConfig(
        vocab_size=known, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.GroundingDinoForObjectDetection(
        transformers.GroundingDinoConfig(
            backbone_config=backbone,
            text_config=text,
            d_model=32,
            encoder_layers=1,
            decoder_layers=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            num_queries=6,
        )
    ).save_pretrained(folder)
    _write(
        folder,
        {
            "image_processor_type": "GroundingDinoImageProcessor",
            "processor_class": "GroundingDinoProcessor",
            "size": {"shortest_edge": 2 * SIDE, "longest_edge": 4 * SIDE},
            **IMAGENET,
        },
    )
    vocabulary = [f"[unused{number}]" for number in range(max(PLACES.values()) + 1)] + list(WORDS)
    for word, place in PLACES.items():
        vocabulary[place] = word
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


def make_segmenter(kind: str, folder: Path) -> Path:
    """As the hub has sam-vit-base ("sam"), sam2.1-hiera ("sam2") or sam3 ("sam3")."""
    torch.manual_seed(0)
    {"sam": _sam, "sam2": _sam2, "sam3": _sam3}[kind]().save_pretrained(folder)
    if kind == "sam":
        _write(
            folder,
            {
                "image_processor_type": "SamImageProcessor",
                "processor_class": "SamProcessor",
                "size": {"longest_edge": SIDE},
                "pad_size": {"height": SIDE, "width": SIDE},
                **IMAGENET,
            },
        )
    else:
        _write(
            folder,
            {
                "image_processor_type": "Sam2ImageProcessorFast",
                "processor_class": "Sam2VideoProcessor",
                "size": {"height": SIDE, "width": SIDE},
                **IMAGENET,
            },
        )
    return folder


def _write(folder: Path, settings: dict) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def _sam() -> transformers.PreTrainedModel:
    small = {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2}
    return transformers.SamModel(
        transformers.SamConfig(
            vision_config={
                **small,
                "num_hidden_layers": 2,
                "output_channels": 16,
                "num_pos_feats": 8,
                "image_size": SIDE,
                "window_size": 2,
                "global_attn_indexes": [1],
            },
            prompt_encoder_config={"hidden_size": 16, "image_size": SIDE, "mask_input_channels": 4},
            mask_decoder_config={**small, "iou_head_hidden_dim": 16},
        )
    )


def _sam2() -> transformers.PreTrainedModel:
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "fpn_hidden_size": 16,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }
    return transformers.Sam2Model(
        transformers.Sam2Config(vision_config=vision, prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER)
    )


def _sam3() -> transformers.PreTrainedModel:
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "pretrain_image_size": SIDE,
    }
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "fpn_hidden_size": 16,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }
    return transformers.Sam3TrackerModel(
        transformers.Sam3TrackerConfig(
            vision_config=vision, prompt_encoder_config={**_PROMPTS, "patch_size": 16}, mask_decoder_config=_DECODER
        )
    )


_PROMPTS = {"hidden_size": 16, "image_size": SIDE, "mask_input_channels": 4}
_DECODER = {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
