"""Pictures as prompts: IP-Adapters (Ye et al. 2023) in and out of a shared pipeline, with a scale for every layer.

An adapter's processors stand in for those of the UNet's cross-attentions while it is in use; out of use they stay in
memory, so that taking them in or out loads nothing. Several are one processor with several pairs of matrices.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from diffusers import DiffusionPipeline
from diffusers.image_processor import IPAdapterMaskProcessor
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import MultiIPAdapterImageProjection
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from studio.contracts.family import ImageAdapter, ModelFamily
from studio.contracts.sampling import OutfitUse
from studio.engine.models.loading import file_of
from studio.engine.models.lru import recent, state_of
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.weights import read_header, sha256_of_all

KEPT, KEPT_PICTURES = 3, 64  # adapters and embeddings that stay in memory, least recently used first out
Embedding = tuple[Tensor, Tensor]  # of the picture, and of none at all: [1, 1, (states,) width]


@dataclass(frozen=True)
class ImagePrompt:
    """A picture that prompts a drawing: by which adapter, how much in each layer, when, and where.

    `layers` is what `block_scales.by_layer` gives; `start` and `end` are parts of the denoising, 0 to 1; `mask` is
    white where it acts ("L"), None: everywhere.
    """

    adapter: Path
    embedding: Embedding
    layers: Mapping[str, float]
    start: float = 0.0
    end: float = 1.0
    mask: Image.Image | None = None


class _Together(IPAdapterAttnProcessor2_0):
    """Processors of several adapters for one cross-attention; the matrices stay each adapter's own."""

    def __init__(self, parts: Sequence[IPAdapterAttnProcessor2_0]) -> None:
        nn.Module.__init__(self)
        self.hidden_size, self.cross_attention_dim = parts[0].hidden_size, parts[0].cross_attention_dim
        self.num_tokens = [part.num_tokens[0] for part in parts]
        self.scale = [0.0] * len(parts)
        self.to_k_ip = nn.ModuleList(part.to_k_ip[0] for part in parts)
        self.to_v_ip = nn.ModuleList(part.to_v_ip[0] for part in parts)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        *given: Any,
        ip_adapter_masks: Sequence[Tensor] | None = None,
        **named: Any,
    ) -> Tensor:
        """As diffusers', whose guess at the latents' height and width, by their number, shears masks of some sizes."""
        if ip_adapter_masks is not None:
            named["ip_adapter_masks"] = [shaped(mask, hidden_states.shape[1]) for mask in ip_adapter_masks]
        return super().__call__(attn, hidden_states, *given, **named)


def shaped(mask: Tensor, count: int) -> Tensor:
    """A mask [1, pictures, height, width] in pixels as a row of so many latents, at the level that has that many."""
    height, width = mask.shape[-2:]
    while height * width > count:
        height, width = -(-height // 2), -(-width // 2)  # as a UNet halves them
    return interpolate(mask, size=(height, width), mode="bicubic").flatten(2)[:, :, None]


@dataclass(frozen=True)
class Loaded:
    """One adapter's networks: what projects the image encoder's view, and a processor for each cross-attention."""

    projection: nn.Module
    processors: Mapping[str, IPAdapterAttnProcessor2_0]  # by the UNet's names

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move every network to the device and the type, unless they are there."""
        place = next(self.projection.parameters())
        if (place.device, place.dtype) == (device, dtype):
            return  # asking each of them takes longer than to put them in place
        for network in (self.projection, *self.processors.values()):
            network.to(device, dtype)


class ImageEncoder:
    """An image encoder; `network` is what moves between devices. What it saw it remembers by content."""

    def __init__(self, network: Any, processor: Any) -> None:
        self.network, self._processor = network, processor
        self._seen: OrderedDict[tuple[str, bool], Embedding] = OrderedDict()

    @classmethod
    def published(cls, source: Path) -> ImageEncoder:
        """The encoder of a folder as transformers saves one, with its own picture processor."""
        network = CLIPVisionModelWithProjection.from_pretrained(source, use_safetensors=True)
        size = network.config.image_size
        processor = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
        return cls(network.requires_grad_(False).eval(), processor)

    def look(self, image: Image.Image, key: str, states: bool) -> Embedding:
        """The states of the last layer but one, or the embedding, as a pipeline has them. `key` tells the content."""
        return recent(self._seen, (key, states), lambda: self._encode(image.convert("RGB"), states), KEPT_PICTURES)

    @torch.no_grad()
    def _encode(self, image: Image.Image, states: bool) -> Embedding:
        pixels = self._processor(images=image, return_tensors="pt").pixel_values
        pixels = pixels.to(self.network.device, self.network.dtype)
        if not states:
            seen = self.network(pixels).image_embeds[None].cpu()
            return seen, torch.zeros_like(seen)
        seen, nothing = (
            self.network(one, output_hidden_states=True).hidden_states[-2][None].cpu()
            for one in (pixels, torch.zeros_like(pixels))
        )
        return seen, nothing


def look(
    image: Image.Image, key: str, adapter: ImageAdapter, *, pipelines: PipelineCache, family: ModelFamily
) -> Embedding:
    """What the adapter's image encoder sees in the picture, whose content `key` tells."""
    # The plain adapter takes the embedding; those with a resampler, or a network over all patches, the states.
    states = "image_proj.proj.weight" not in read_header(file_of(adapter.weights))
    with _eyes(adapter, pipelines, family) as eyes:
        return eyes.look(image, key, states)


def adapter_of(family: ModelFamily, use: OutfitUse) -> ImageAdapter:
    """The family's adapter that a settled use names. Raises ValueError for one that is not there."""
    if use.adapter is None or use.adapter not in family.image_adapters:
        raise ValueError(f"{family.title} has no image adapter {use.adapter!r}.")
    return family.image_adapters[use.adapter]


def digest_of_use(use: OutfitUse, finds_clothes: bool, *, pipelines: PipelineCache, family: ModelFamily) -> str:
    """Sha256 over the weights that an outfit's part in the pixels depends on.

    The detector and the segmenter count where the request has clothes found. What is on the hub is fetched first.
    """
    adapter = adapter_of(family, use)
    parts = {"adapter": pipelines.digest_of(file_of(adapter.weights))}
    if adapter.encoder:
        parts["encoder"] = pipelines.helper_digest(adapter.encoder)
    if use.inside_garment and finds_clothes:
        parts["detector"] = pipelines.helper_digest(family.detector)
        parts["segmenter"] = pipelines.helper_digest(family.segmenters[family.masking["segmenter"]])
    return sha256_of_all(parts.items())


@contextmanager
def _eyes(adapter: ImageAdapter, pipelines: PipelineCache, family: ModelFamily) -> Iterator[ImageEncoder]:
    if adapter.encoder:
        with pipelines.lend_helper(ImageEncoder.published, adapter.encoder) as eyes:
            yield eyes
        return
    with pipelines.lend(family) as pipeline:
        beside = pipelines.loaded(pipeline).beside
        if "eyes" not in beside:
            beside["eyes"] = ImageEncoder(pipeline.image_encoder, pipeline.feature_extractor)
        yield beside["eyes"]


@contextmanager
def prompted(
    pipelines: PipelineCache, pipeline: DiffusionPipeline, prompts: Sequence[ImagePrompt]
) -> Iterator[Prompted | None]:
    """The pipeline with the pictures as prompts beside the text for as long as the block lasts; none for none.

    Raises ValueError, in a sentence, for an adapter that was made for another base, and where the layout takes none.
    """
    prompts = [one for one in prompts if any(one.layers.values())]
    if not prompts:
        yield None
        return
    if not pipelines.driver(pipeline).capabilities.ip_adapters:
        raise ValueError(f"{type(pipeline).__name__} takes no IP-Adapter, so it wears no outfit by its picture.")
    unet = pipeline.unet
    loaded = [_kept(pipelines, pipeline, one.adapter) for one in prompts]
    device = pipeline._execution_device if unet.device.type == "meta" else unet.device  # weights that come one by one
    for adapter in loaded:
        adapter.to(device, unet.dtype)
    projection, kind = unet.encoder_hid_proj, unet.config.encoder_hid_dim_type
    together = {name: _Together([adapter.processors[name] for adapter in loaded]) for name in loaded[0].processors}
    # One by one: set_attn_processor goes through all modules of the UNet, which takes longer than all else here.
    places = {name: place for name, place in _attentions(pipelines, pipeline).items() if name in together}
    theirs = {name: place.processor for name, place in places.items()}
    for name, place in places.items():
        place.set_processor(together[name])
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([adapter.projection for adapter in loaded])
    unet.config.encoder_hid_dim_type = "ip_image_proj"
    try:
        yield Prompted(prompts, together, unet.dtype)
    finally:
        unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = projection, kind
        for name, place in places.items():
            place.set_processor(theirs[name])


def _attentions(pipelines: PipelineCache, pipeline: DiffusionPipeline) -> dict[str, Any]:
    """The UNet's attention modules by the names that diffusers gives their processors; looked for once.

    A full fine-tune brings a UNet of its own, which may go again.
    """
    known = pipelines.loaded(pipeline).beside.setdefault("attentions", WeakKeyDictionary())
    if pipeline.unet not in known:
        known[pipeline.unet] = {
            f"{name}.processor": ref(module)
            for name, module in pipeline.unet.named_modules()
            if hasattr(module, "set_processor")
        }
    return {name: module() for name, module in known[pipeline.unet].items()}


@dataclass(frozen=True)
class Prompted:
    """The pictures that prompt a pipeline at the moment: arguments of its calls, and scales that change as steps go by."""

    prompts: Sequence[ImagePrompt]
    processors: Mapping[str, _Together]
    dtype: torch.dtype

    def arguments(self, guided: bool, width: int, height: int) -> dict[str, Any]:
        """Keyword arguments of the call."""
        seen = [
            (torch.cat([one.embedding[1], one.embedding[0]]) if guided else one.embedding[0]).to(self.dtype)
            for one in self.prompts
        ]
        given: dict[str, Any] = {"ip_adapter_image_embeds": seen}
        if any(one.mask is not None for one in self.prompts):
            process = IPAdapterMaskProcessor()
            masks = [
                process.preprocess(one.mask or Image.new("L", (width, height), 255), height=height, width=width)
                for one in self.prompts
            ]
            given["cross_attention_kwargs"] = {"ip_adapter_masks": [mask[None, :, 0] for mask in masks]}
        return given

    def at(self, progress: float) -> None:
        """Set every scale for a step that begins when `progress`, 0 to 1, of the denoising is done."""
        for name, processor in self.processors.items():
            processor.scale = [
                one.layers[_layer(name)] if one.start <= progress and (progress < one.end or one.end >= 1) else 0.0
                for one in self.prompts  # some schedulers take a step more than was asked for
            ]


def _layer(name: str) -> str:
    """diffusers' name of an attention processor -> the layer that block scales know it by."""
    part, *rest = name.split(".")
    if part == "mid_block":
        return "mid"
    return f"{part.removesuffix('_blocks')}.block_{rest[0]}.{rest[2]}"


def _kept(pipelines: PipelineCache, pipeline: DiffusionPipeline, path: Path) -> Loaded:
    kept: OrderedDict[tuple, Loaded] = pipelines.loaded(pipeline).beside.setdefault("image adapters", OrderedDict())
    return recent(kept, state_of(path), lambda: load(pipeline, path), KEPT)


def load(pipeline: DiffusionPipeline, path: Path) -> Loaded:
    """Read an adapter; the pipeline is as it was. Raises ValueError, in a sentence, for one of another base."""
    state: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in load_file(path).items():
        part, _, rest = name.partition(".")
        if part not in state:
            raise ValueError(f"{path.name} is no IP-Adapter: it holds {name!r:.60}.")
        state[part][rest] = tensor
    if not all(state.values()):
        raise ValueError(f"{path.name} is no IP-Adapter: it lacks image_proj or ip_adapter.")
    unet = pipeline.unet
    theirs, projection, kind = dict(unet.attn_processors), unet.encoder_hid_proj, unet.config.encoder_hid_dim_type
    try:
        unet._load_ip_adapter_weights([state], low_cpu_mem_usage=False)
        made = {name: one for name, one in unet.attn_processors.items() if isinstance(one, IPAdapterAttnProcessor2_0)}
        return Loaded(
            unet.encoder_hid_proj.image_projection_layers[0].requires_grad_(False),
            {name: one.requires_grad_(False) for name, one in made.items()},
        )
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f"{path.name} was made for another base than {type(pipeline).__name__}; choose the adapter of this family."
        ) from error
    finally:
        # In this order: a resampler has attention of its own, which would be counted as the UNet's.
        unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = projection, kind
        unet.set_attn_processor(theirs)
