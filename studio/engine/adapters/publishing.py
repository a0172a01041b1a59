"""A LoRA on the Hugging Face Hub, with a model card that says what it is and how to call it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from studio.contracts.family import ModelFamily
from studio.engine.adapters.metadata import LoraMetadata
from studio.library.wardrobe import WEIGHTS

if TYPE_CHECKING:
    from studio.library import Lora, Picture

TRANSPORTS = ("httpx", "httpx2", "requests")  # huggingface_hub's, by its version
CARD = """# {name}

![{name}](images/{first})

A {kind} that teaches **{trigger}** to [{family}]({link}), made with Understudy in {steps} steps{rank}.

Say `{trigger}` in the prompt.

<Gallery />

```python
{code}
```

The base's licence holds for what is drawn: {licence}{commercial}.
"""
LORA_CODE = """import torch
from diffusers import DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained("{base}", dtype=torch.float16).to("cuda")
pipeline.load_lora_weights("{repository}")
image = pipeline("{prompt}").images[0]"""
FULL_CODE = """from huggingface_hub import hf_hub_download

path = hf_hub_download("{repository}", "pytorch_lora_weights.safetensors")  # weights of the networks that were taught
# Understudy takes it in with /import_lora, and gives it out as a single file for other tools."""


def publish(
    lora: Lora,
    repository: str,
    pictures: Sequence[Picture],
    *,
    token: str,
    private: bool,
    endpoint: str | None,
    pipelines: Any,
    family: ModelFamily,
) -> str:
    """Upload the LoRA, its card and pictures to `repository` (owner/name) in one commit; returns where it lies.

    Raises ValueError, in a sentence, where the hub refuses or cannot be reached.
    """
    api = HfApi(endpoint=endpoint, token=token)
    with TemporaryDirectory() as aside:
        folder = Path(aside)
        (folder / "images").mkdir()
        shutil.copyfile(lora.path, folder / WEIGHTS)
        shown = []
        for number, picture in enumerate(pictures):
            shutil.copyfile(picture.path, folder / "images" / f"{number}.png")
            shown.append((f"{number}.png", str(picture.recipe.request.get("prompt", ""))))
        if not shown and lora.preview is not None:
            shutil.copyfile(lora.preview, folder / "images" / "0.png")
            shown.append(("0.png", lora.trigger))
        (folder / "README.md").write_text(model_card(lora, repository, shown, family), encoding="utf-8")
        try:
            url = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"{lora.name}, by Understudy")
        except HFValidationError as error:
            raise ValueError(f"The repository must be called owner/name, got {repository!r:.80}.") from error
        except HfHubHTTPError as error:
            status = getattr(error.response, "status_code", 0)
            if status in (401, 403):
                raise ValueError(
                    f"The hub refuses this token for {repository}: take one that may write, from "
                    "huggingface.co/settings/tokens."
                ) from error
            raise ValueError(f"The hub could not take {repository} (status {status}); try again later.") from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in TRANSPORTS:
                raise
            raise ValueError("The hub cannot be reached; look at the connection, then publish again.") from error
    return str(url)


def model_card(lora: Lora, repository: str, pictures: Sequence[tuple[str, str]], family: ModelFamily) -> str:
    """README.md of the repository: front matter that the Hub reads, and what people want to know.

    `pictures` are (file below images/, prompt).
    """
    full = LoraMetadata.read(lora.path).full
    of_hub = not family.is_local
    front = {
        "tags": ["text-to-image", "diffusers", "template:diffusion-lora", *([] if full else ["lora"])],
        **({"base_model": family.weights} if of_hub else {}),
        "instance_prompt": lora.trigger,
        "license": "other",
        "license_name": family.licence,
        "widget": [{"text": prompt, "output": {"url": f"images/{file}"}} for file, prompt in pictures],
    }
    prompt = pictures[0][1] if pictures else lora.trigger
    code = (FULL_CODE if full else LORA_CODE).format(
        base=family.weights if of_hub else family.name, repository=repository, prompt=json.dumps(prompt)[1:-1]
    )
    text = CARD.format(
        name=lora.name,
        first=pictures[0][0] if pictures else "",
        kind="full fine-tune" if full else "LoRA",
        trigger=lora.trigger,
        family=family.title,
        steps=lora.steps,
        rank="" if full else f", at rank {lora.rank}",
        link=f"https://huggingface.co/{family.weights}" if of_hub else "https://huggingface.co",
        code=code,
        licence=family.licence,
        commercial="" if family.commercial else ", no commercial use",
    )
    if not pictures:
        text = text.replace(f"![{lora.name}](images/)\n\n", "")
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{text}"
