"""The judge: reads from a picture which attributes it shows. A measuring tool, trained on renders alone.

It shares nothing with the family that it scores, neither weights nor data.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pocketworld.attributes import ATTRIBUTES, visible
from pocketworld.world import Spec

PIXELS = 128
BUNDLED = Path(__file__).parents[1] / "assets" / "pocketworld"
NEEDED_ACCURACY = 0.97  # below this on held-out renders, what the judge says of an attribute is not counted
SIZES = [len(words) for words in ATTRIBUTES.values()]


@dataclass(frozen=True)
class Reading:
    """What the judge sees of one attribute: the likeliest word and its probability."""

    word: str
    probability: float


class _Block(nn.Module):
    """Residual block of two 3x3 convolutions (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)])
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        beside = self.skip(F.avg_pool2d(x, self.stride) if self.stride > 1 else x)
        x = F.relu(self.norms[0](self.first(x)))
        return F.relu(beside + self.norms[1](self.second(x)))


class AttributeNet(nn.Module):
    """A small residual network; every attribute has one attention query over the 8x8 map.

    Patches of 4x4 become 64 channels, more numbers than they have: an eyelash of one pixel gets through.
    """

    def __init__(self, widths: tuple[int, int, int] = (64, 96, 192)):
        super().__init__()
        first, middle, last = widths
        self.stem = nn.Sequential(nn.Conv2d(3, first, 4, 4, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.blocks = nn.Sequential(
            _Block(first, middle, stride=2),
            _Block(middle, middle),
            _Block(middle, last, stride=2),
            _Block(last, last),
        )
        self.place = nn.Parameter(torch.zeros(last, 8, 8))
        self.queries = nn.Parameter(torch.randn(len(SIZES), last) * last**-0.5)
        self.heads = nn.ModuleList(nn.Linear(2 * last, size) for size in SIZES)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU, with batch norms

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[batch, 3, 128, 128] from -1 to 1 -> logits [batch, classes] of each attribute in `ATTRIBUTES`."""
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        states = (self.blocks(self.stem(pixels)) + self.place).flatten(2)  # [batch, width, 64]
        attention = (self.queries @ states).softmax(-1)
        found = attention @ states.mT  # [batch, attributes, width]
        whole = states.mean(-1)
        return [head(torch.cat([found[:, i], whole], 1)).float() for i, head in enumerate(self.heads)]


class Judge:
    """A trained `AttributeNet` and the accuracies it had on held-out renders."""

    def __init__(self, net: AttributeNet, accuracy: dict[str, float]):
        self.net, self.accuracy = net.eval(), accuracy

    @classmethod
    def load(cls, folder: Path = BUNDLED) -> "Judge":
        """The judge in `folder`: judge.safetensors and judge.json."""
        net = AttributeNet()
        weights = load_file(Path(folder) / "judge.safetensors")
        net.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
        record = json.loads((Path(folder) / "judge.json").read_text(encoding="utf-8"))
        return cls(net, record["accuracy"])

    def save(self, folder: Path, record: dict) -> None:
        """Weights in half precision, and `record` with the accuracies beside them."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.half().contiguous()
            for name, value in self.net.state_dict().items()
            if value.is_floating_point()
        }
        save_file(weights, Path(folder) / "judge.safetensors")
        text = json.dumps({"accuracy": self.accuracy, **record}, indent=1)
        (Path(folder) / "judge.json").write_text(text + "\n", encoding="utf-8")

    @property
    def trusted(self) -> list[str]:
        """The attributes that it reads well enough for a score to count them."""
        return [name for name, accuracy in self.accuracy.items() if accuracy >= NEEDED_ACCURACY]

    @torch.no_grad()
    def read(self, images: Iterable[Image.Image], batch: int = 50) -> list[dict[str, Reading]]:
        """Every attribute of every picture, even what it cannot show. Any size is resized to 128."""
        readings = []
        pixels = torch.stack([to_pixels(image) for image in images])
        for part in pixels.split(batch):
            probabilities = [logits.softmax(1) for logits in self.net(part)]
            for row in range(len(part)):
                readings.append(
                    {
                        name: Reading(words[int(p[row].argmax())], float(p[row].max()))
                        for (name, words), p in zip(ATTRIBUTES.items(), probabilities, strict=True)
                    }
                )
        return readings


def to_pixels(image: Image.Image) -> Tensor:
    """[3, 128, 128] from -1 to 1."""
    if image.size != (PIXELS, PIXELS):
        image = image.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1


def obeys(spec: Spec, reading: dict[str, Reading]) -> dict[str, bool]:
    """For each attribute that a picture of the spec shows: whether the judge read the spec's word."""
    return {name: reading[name].word == word for name, word in visible(spec).items()}
