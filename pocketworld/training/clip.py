"""The family's CLIP: two text encoders and an image encoder, trained together on captions and renders.

Three losses. Contrastive (Radford et al. 2021), each text tower against the images. Attributes from the
embeddings: every tower must tell hair colour from top colour linearly. And attributes from the text towers'
penultimate hidden states through attention with one learned query for each attribute, because that is what
SDXL's UNet does with them (Podell et al. 2023): whatever these queries find, its cross-attention can find.

A hundred characters have names, and where a caption tells a name, the attributes are to be read from it, half of the
time without looking at the name itself: so the words after it must carry who that is. This is what makes an identifier
of a later DreamBooth run a direction of its own: "a sks girl" is somebody, where it used to be "a girl".

Towers that go on from finished ones stay near what these said of captions without names, since a UNet has learnt that,
and their image encoder stays altogether.
"""

import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from pocketworld.attributes import ATTRIBUTES, CLASSES, OUTFIT_ATTRIBUTES, UNSEEN
from pocketworld.training.captioned import PIXELS, WORDINGS, Pool, caption_corpus, make_pool, make_specs
from pocketworld.training.loop import Loop
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.training.tokenizers import CONTEXT, RARE_IDENTIFIERS, build
from pocketworld.world import CHARACTERS

PROJECTION = 128  # width of the shared embedding
NAMED_SHARE = 0.3  # of the captions with a picture, beside those that chance names
NEAR_WEIGHT = 20.0
OUTFIT_SHARE = 0.2  # part of a batch that shows clothes alone, for the IP-Adapter
SIZES = [len(words) for words in ATTRIBUTES.values()]
WEIGHTS = torch.tensor([2.0 if name.endswith("colour") else 1.0 for name in ATTRIBUTES])  # binding colours is hardest


class AttributeReader(nn.Module):
    """Reads every attribute off hidden states by one attention query each, then linearly."""

    def __init__(self, width: int):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(len(SIZES), width) * width**-0.5)
        self.heads = nn.Parameter(torch.zeros(CLASSES, width))
        self.register_buffer("owner", torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES)))

    def forward(self, states: Tensor, hidden: Tensor) -> Tensor:
        """[batch, tokens, width] -> logits [batch, CLASSES], the attributes' classes side by side.

        Tokens where `hidden` ([batch, tokens]) is true are not looked at.
        """
        attention = self.queries @ states.mT  # [batch, attributes, tokens]
        attention = attention.masked_fill(hidden[:, None], -torch.inf).softmax(-1)
        found = attention @ states
        return (found[:, self.owner] * self.heads).sum(-1)


class Clip(nn.Module):
    """The three towers, and the readers that exist in training alone."""

    def __init__(self, tokenizer, end_padding: int = 0):
        super().__init__()
        self.end, self.end_padding = tokenizer.eos_token_id, end_padding
        words = tokenizer.get_vocab()
        self.register_buffer("names", torch.tensor([words[f"{name}</w>"] for name in CHARACTERS]), persistent=False)
        self.text = CLIPTextModelWithProjection(_text_config(tokenizer, 64, layers=3, heads=2))
        self.text_2 = CLIPTextModelWithProjection(_text_config(tokenizer, 128, layers=4, heads=4))
        self.vision = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=192,
                intermediate_size=576,
                num_hidden_layers=4,
                num_attention_heads=6,
                image_size=PIXELS,
                patch_size=8,
                projection_dim=PROJECTION,
                hidden_act="gelu",
            )
        )
        self.read_image = nn.Linear(PROJECTION, CLASSES)
        self.read_text = nn.ModuleList(nn.Linear(PROJECTION, CLASSES) for _ in range(2))
        self.read_states = nn.ModuleList(AttributeReader(width) for width in (64, 128, 192))
        self.log_scale = nn.Parameter(torch.tensor(2.6))
        for tower in (self.text, self.text_2, self.vision):
            # torch's fused attention runs backwards four times slower than plain products on a CPU.
            tower.set_attn_implementation("eager")

    def embed_text(self, tokens: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Ids [batch, tokens] as the first tokenizer pads -> per tower: embeddings, penultimate states."""
        ended = (tokens == self.end).cumsum(1) - (tokens == self.end).long() > 0
        padded = (tokens, tokens.masked_fill(ended, self.end_padding))
        towers = zip((self.text, self.text_2), padded, strict=True)
        outputs = [tower(ids, output_hidden_states=True) for tower, ids in towers]
        states = [output.hidden_states[-2].float() for output in outputs]
        return [F.normalize(output.text_embeds.float(), dim=-1) for output in outputs], states

    def hidden(self, tokens: Tensor, share: float = 0.5) -> Tensor:
        """Where names stand that the readers may not look at, of `share` of the rows: [batch, tokens]."""
        return torch.isin(tokens, self.names) & (torch.rand(len(tokens), 1) < share)

    def embed_images(self, pixels: Tensor) -> Tensor:
        """[batch, 3, 64, 64], normalised as CLIP's -> unit embeddings [batch, 128]."""
        return F.normalize(self.vision(pixels).image_embeds.float(), dim=-1)


def _text_config(tokenizer, width: int, layers: int, heads: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        projection_dim=PROJECTION,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def attribute_loss(logits: Tensor, labels: Tensor, weights: Tensor = WEIGHTS) -> Tensor:
    """Weighted mean cross entropy over attributes; logits [batch, CLASSES], labels [batch, attributes]."""
    losses = [
        weight * F.cross_entropy(part, label, ignore_index=UNSEEN, reduction="sum") / max(1, len(label))
        for part, label, weight in zip(logits.split(SIZES, 1), labels.unbind(1), weights, strict=True)
    ]
    return torch.stack(losses).sum() / weights.sum()


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross entropy of unit embeddings [batch, 128], row i with row i (Radford et al. 2021)."""
    similarity = scale * images @ texts.T
    target = torch.arange(len(images))
    return (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2


def train(work: Path, minutes: float = 20, *, pictures: int = 40_000, batch: int = 128, seed: int = 0) -> None:
    """Train the towers; save them, tokenizers and image processor into work/clip in SDXL's layout.

    Goes on from the towers in work/clip/usual, if there are any.
    """
    folder = work / "clip"
    tokenizer, _ = build(caption_corpus(6000), folder)
    torch.manual_seed(seed)
    model = Clip(tokenizer).train()
    usual = Usual(folder / "usual", tokenizer) if (folder / "usual").exists() else None
    if usual:
        usual.lay_into(model)
    rates = (0.003, 3e-4) if usual else (0.02, 1.5e-3)
    optimiser = MuonAndAdamW(
        model, muon_lr=rates[0], adamw_lr=rates[1], outer_layers=("embedding", "read_", "projection")
    )
    pool = make_pool(make_specs(pictures, seed + 1), tokenizer, seed)
    loop = Loop(folder, model, optimiser, minutes=minutes, seed=seed)
    for _ in loop:
        loss, figures = _step(model, pool, loop.rng, batch, usual)
        loop.descend(loss, samples=batch, **figures)
    if not loop.finished:
        return
    with loop.averaged():
        draw_identifiers(model, tokenizer)
        save(model, folder, torch.from_numpy(pool.tokens[:500, 0]))
        loop.journal(**evaluate(model, tokenizer), **apart(model, tokenizer))


class Usual:
    """A finished family's towers, and how their vocabulary meets a new one."""

    def __init__(self, folder: Path, tokenizer):
        self.towers = nn.ModuleList(
            [
                CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
                CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2", dtype=torch.float32),
                CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder", dtype=torch.float32),
            ]
        ).requires_grad_(False)
        known = CLIPTokenizer.from_pretrained(folder / "tokenizer").get_vocab()
        words = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
        self.ids = torch.tensor([known.get(word, -1) for word, _ in words])  # by new id; -1 where it is a new word

    @torch.no_grad()
    def lay_into(self, model: Clip) -> None:
        """Give the model these weights; new words begin like the spread of the old ones."""
        for tower, usual in zip((model.text, model.text_2, model.vision), self.towers, strict=True):
            state, target = usual.state_dict(), tower.state_dict()
            for name, value in state.items():
                place = name if name in target else f"text_model.{name}"
                if "token_embedding" in place:
                    value = self._spread(value)
                target[place] = value
            tower.load_state_dict(target)
            _set_epsilon(tower, usual.config.layer_norm_eps)
        model.vision.requires_grad_(False)
        model.read_image.requires_grad_(False)

    def _spread(self, embedding: Tensor) -> Tensor:
        fresh = embedding.mean(0) + embedding.std(0) * torch.randn(len(self.ids), embedding.shape[1])
        return torch.where((self.ids >= 0)[:, None], embedding[self.ids.clamp_min(0)], fresh)

    @torch.no_grad()
    def states(self, tokens: Tensor, end: int, end_padding: int) -> tuple[Tensor, list[Tensor]]:
        """Which rows have old words alone, [batch], and each text tower's penultimate states of them."""
        old = self.ids[tokens]
        plain = (old >= 0).all(1)
        ended = (tokens == end).cumsum(1) - (tokens == end).long() > 0
        padded = (old, torch.where(ended, self.ids[end_padding], old))
        return plain, [
            tower(ids[plain], output_hidden_states=True).hidden_states[-2].float()
            for tower, ids in zip(self.towers, padded, strict=False)
        ]


def _set_epsilon(tower: nn.Module, epsilon: float) -> None:
    tower.config.layer_norm_eps = epsilon
    for module in tower.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = epsilon


@torch.no_grad()
def draw_identifiers(model: Clip, tokenizer) -> None:
    """Give every rare identifier, of which no caption tells anything, an embedding as names have them."""
    rare = tokenizer.convert_tokens_to_ids([f"{word}</w>" for word in RARE_IDENTIFIERS])
    generator = torch.Generator().manual_seed(0)
    for tower in (model.text, model.text_2):
        embedding = tower.get_input_embeddings().weight
        names = embedding[model.names]
        drawn = torch.randn(len(rare), names.shape[1], generator=generator)
        embedding[rare] = names.mean(0) + names.std(0) * drawn


@torch.no_grad()
def apart(model: Clip, tokenizer) -> dict[str, float]:
    """How far states of "a <word> girl" are from those of "a girl", as a share of these, where "girl" stands.

    Of names and of rare identifiers, both towers' states side by side; the mean over twenty of each.
    """
    told = {}
    for kind, words in (("names", list(CHARACTERS)), ("identifiers", list(RARE_IDENTIFIERS))):
        captions = ["a cartoon of a girl", *(f"a cartoon of a {word} girl" for word in words[:20])]
        tokens = tokenizer(captions, padding="max_length", max_length=CONTEXT, return_tensors="pt").input_ids
        states = torch.cat(model.embed_text(tokens)[1], -1)
        plain = states[0, 5]
        told[f"{kind}_apart"] = ((states[1:, 6] - plain).norm(dim=-1) / plain.norm()).mean().item()
    return told


def _step(
    model: Clip, pool: Pool, rng: np.random.Generator, batch: int, usual: Usual | None
) -> tuple[Tensor, dict[str, float]]:
    """Loss of one batch: whole pictures with captions, clothes alone with theirs, and captions alone."""
    bare = round(batch * OUTFIT_SHARE)
    rows = rng.integers(0, len(pool.pictures), batch - bare)
    named = rng.random(len(rows)) < NAMED_SHARE
    rows[named] = rng.choice(pool.named, named.sum())
    outfits, odd = rng.choice(pool.dressed, bare), rng.integers(0, len(pool.odd_labels), batch // 4)
    pixels = np.concatenate([pool.pictures[rows], pool.outfits[outfits]])
    wordings = pool.tokens[rows, rng.integers(0, WORDINGS, len(rows))]
    tokens = np.concatenate([wordings, pool.outfit_tokens[outfits], pool.odd_tokens[odd]])
    shown = np.concatenate([pool.labels[rows], _only(OUTFIT_ATTRIBUTES, pool.labels[outfits])])
    labels = torch.from_numpy(np.concatenate([shown, pool.odd_labels[odd]]))
    with torch.autocast("cpu", torch.bfloat16):
        images = model.embed_images(_augment(normalise(pixels), rng))
        texts, states = model.embed_text(torch.from_numpy(tokens))
    hidden = model.hidden(torch.from_numpy(tokens))
    scale = model.log_scale.exp().clamp(max=60)
    whole, clothes = slice(0, len(rows)), slice(len(rows), batch)
    contrast = sum(
        contrastive_loss(images[part], text[part], scale) * weight
        for text in texts
        for part, weight in ((whole, 0.5), (clothes, 0.1))
    )
    seen = attribute_loss(model.read_image(images * 10), labels[:batch])
    near = _strayed(model, usual, torch.from_numpy(tokens), states) if usual else torch.zeros(())
    states.append(torch.cat(states, -1))
    read = [reader(text * 10) for reader, text in zip(model.read_text, texts, strict=True)]
    read += [reader(found, hidden) for reader, found in zip(model.read_states, states, strict=True)]
    said = sum(attribute_loss(logits, labels) for logits in read) / len(read)
    figures = {"contrast": contrast.item(), "seen": seen.item(), "said": said.item(), "near": near.item()}
    return contrast + 2 * seen + 4 * said + NEAR_WEIGHT * near, figures


def _strayed(model: Clip, usual: Usual, tokens: Tensor, states: list[Tensor]) -> Tensor:
    """Mean square by which states of captions without new words differ from the usual ones."""
    plain, before = usual.states(tokens, model.end, model.end_padding)
    return sum((now[plain] - old).square().mean() for now, old in zip(states, before, strict=True))


def _only(names: tuple[str, ...], labels: np.ndarray) -> np.ndarray:
    kept = np.array([name in names for name in ATTRIBUTES])
    return np.where(kept, labels, UNSEEN)


def normalise(pictures: np.ndarray) -> Tensor:
    """[batch, height, width, 3] uint8 -> [batch, 3, height, width], CLIP's mean 0 and deviation 1."""
    processor = CLIPImageProcessorPil()
    mean, deviation = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    return ((torch.from_numpy(pictures).float() / 255 - mean) / deviation).permute(0, 3, 1, 2).contiguous()


def _augment(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift by up to 4 pixels, mirror, soften: the encoder must read drawn pictures, not only renders."""
    left, up = rng.integers(0, 9, 2)
    size = pixels.shape[-1]
    pixels = F.pad(pixels, (4, 4, 4, 4), mode="replicate")[:, :, up : up + size, left : left + size]
    if rng.random() < 0.5:
        pixels = pixels.flip(-1)
    if rng.random() < 0.3:
        pixels = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return pixels + torch.randn_like(pixels) * 0.1 * rng.random()


@torch.no_grad()
def evaluate(model: Clip, tokenizer, count: int = 500) -> dict[str, float]:
    """On held-out specs: retrieval@1 of each text tower, and how often each reader is right."""
    pool = make_pool(make_specs(count, seed=77, held_out=True), tokenizer, seed=77)
    images = model.embed_images(normalise(pool.pictures))
    texts, states = model.embed_text(torch.from_numpy(pool.tokens[:, 0]))
    labels = torch.from_numpy(pool.labels)
    figures = {}
    for tower, text in enumerate(texts, start=1):
        found = (images @ text.T).argmax(1)
        figures[f"retrieval_{tower}"] = found.eq(torch.arange(count)).float().mean().item()
    readings = {"image": model.read_image(images * 10), "text": model.read_text[1](texts[1] * 10)}
    readings |= {
        "states": model.read_states[2](torch.cat(states, -1), torch.zeros(len(pool.tokens), CONTEXT, dtype=torch.bool))
    }
    for reader, logits in readings.items():
        for name, part, label in zip(ATTRIBUTES, logits.split(SIZES, 1), labels.unbind(1), strict=True):
            told = label != UNSEEN
            if told.any():
                figures[f"{reader}_{name}"] = part.argmax(1).eq(label)[told].float().mean().item()
    return figures


@torch.no_grad()
def with_unit_states(tower: CLIPTextModelWithProjection, tokens: Tensor) -> CLIPTextModelWithProjection:
    """A copy of the tower whose penultimate states have deviation 1 on these tokens, and the same embeddings.

    Every layer normalises what it reads, so all that writes to the residual stream may shrink together. The
    UNet's cross-attention takes the states as they are, and starts best from values around 1.
    """
    tower = copy.deepcopy(tower)
    deviation = tower(tokens, output_hidden_states=True).hidden_states[-2].std()
    for name, parameter in tower.named_parameters():
        if any(part in name for part in ("embedding", "out_proj", "fc2")):
            parameter /= deviation
    _set_epsilon(tower, tower.config.layer_norm_eps / deviation.item() ** 2)  # added to the variance of what shrank
    return tower


def save(model: Clip, folder: Path, tokens: Tensor) -> None:
    """Towers and image processor as SDXL pipelines load them; the first loses its projection.

    `tokens` are typical captions, to scale the text states by.
    """
    text, text_2 = (with_unit_states(tower, tokens) for tower in (model.text, model.text_2))
    first = CLIPTextModel(text.config)
    source = text.state_dict()
    first.load_state_dict(
        {name: source[name if name in source else f"text_model.{name}"] for name in first.state_dict()}
    )
    first.save_pretrained(folder / "text_encoder")
    text_2.save_pretrained(folder / "text_encoder_2")
    model.vision.save_pretrained(folder / "image_encoder")
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}, resample=3
    )
    processor.save_pretrained(folder / "feature_extractor")
