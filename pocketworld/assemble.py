"""From the work folder to a family that diffusers loads and back, and a sheet of pictures to look at it."""

import json
import platform
import shutil
from datetime import date
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
    GroundingDinoForObjectDetection,
    SamModel,
)

from pocketworld import vocabulary
from pocketworld.captions import PLACES, POSE_WORDS
from pocketworld.judge import BUNDLED, Judge
from pocketworld.phrases import SYNONYMS
from pocketworld.training.diffusion import SCHEDULE
from pocketworld.training.dino import new_dino, new_tokenizer, settled
from pocketworld.training.dino import new_processor as new_detector_processor
from pocketworld.training.loop import go_on_from, load_average, training_record, write_journal
from pocketworld.training.outfits import FILE as OUTFITS
from pocketworld.training.outfits import Adapter
from pocketworld.training.sam import new_processor as new_segmenter_processor
from pocketworld.training.sam import new_sam
from pocketworld.training.unet import new_unet

STEPS, GUIDANCE = 20, 4.0
TRAINED_IN = {  # component -> folder of the work that made it
    "vae": "vae",
    "unet": "unet",
    "text_encoder": "clip",
    "text_encoder_2": "clip",
    "image_encoder": "clip",
}
SHEET_PROMPTS = (
    "a cartoon of a girl with long red hair in a blue jacket and black pants, smiling, on the beach",
    "a cartoon of a girl with long red hair in a green jacket and black pants, smiling, on the beach",
    "a cartoon of a girl with a blue ponytail in a green dress, smiling, in the forest",
    "a cartoon of a boy with short black hair in a yellow striped shirt and blue shorts, on the street at night",
    "a cartoon of a boy with spiky blonde hair in a red hoodie and white pants, angry, in the kitchen",
    "a cartoon of an orange cat in a purple sweater and black pants, in the snow",
    "a cartoon of a grey robot in a red t-shirt and green pants, in the desert",
    "a cartoon of a man with short brown hair in a white t-shirt and blue pants, waving, in the park",
    "a cartoon of a woman with black hair in a bun in a pink dress, holding a yellow umbrella, in the park",
    "a cartoon of a white rabbit in a blue hoodie and an orange skirt, arms raised, on a plain yellow background",
    "a cartoon of an alien in a teal jacket and brown shorts, surprised, on the street at night",
    "a cartoon of a bald man in an orange sweater and grey pants, walking, in the desert",
    "a cartoon of a girl with short pink hair in a white t-shirt and a red skirt, wearing a crown, on the beach",
    "a cartoon of a black cat in a red dress, wearing glasses, sad, in the kitchen",
    "a cartoon of a woman with long green hair in a purple hoodie and blue shorts, hands on hips, in the forest",
    "a cartoon of a blue robot in a yellow jacket and black pants, wearing a hat, in the snow",
    "portrait of a boy with spiky red hair in a green sweater, smiling, in the park",
    "a cartoon of a sks girl with long brown hair in a red t-shirt and white shorts, on the beach",
    "a red cup in the kitchen",
    "a girl",
)


def assemble(work: Path, to: Path) -> None:
    """Write the family in half precision as an ordinary SDXL folder, its words, and what each training did."""
    pipeline = load_parts(work)
    pipeline.to(torch.float16).save_pretrained(to)
    for config in to.glob("*/config.json"):  # where this machine kept the parts is nobody's business
        kept = {name: value for name, value in json.loads(config.read_text()).items() if name != "_name_or_path"}
        config.write_text(json.dumps(kept, indent=2) + "\n")
    for component, folder in TRAINED_IN.items():
        _write_record(to / component / "training.json", work / folder)
    if (work / "decoder").is_dir():
        _write_record(to / "vae" / "decoder.json", work / "decoder")
    _write_words(to, ready_words())
    _tell_size(to)


def assemble_masks(work: Path, to: Path) -> None:
    """Write the detector and the segmenter in half precision as transformers folders: what finds masks for Pocket."""
    tokenizer = new_tokenizer()
    for name, folder, network, processor in (
        ("detector", "dino", new_dino(tokenizer), new_detector_processor(tokenizer)),
        ("segmenter", "sam", new_sam(), new_segmenter_processor()),
    ):
        load_average(work / folder, network)
        network.half().save_pretrained(to / name)
        processor.save_pretrained(to / name)
        _write_record(to / name / "training.json", work / folder)
    _write_words(to / "detector", ready_things())
    _tell_size(to)


def assemble_outfits(work: Path, to: Path) -> None:
    """Write the IP-Adapter in half precision, as `load_ip_adapter` takes it, and what its training did."""
    learnt = work / "outfits" / "weights" / OUTFITS
    if not learnt.is_file():
        raise SystemExit(f"there is no {learnt} yet: run `python -m pocketworld train outfits` to its end")
    to.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half() for name, value in load_file(learnt).items()}, to / OUTFITS, {"format": "pt"})
    _write_record(to / "training.json", work / "outfits")
    _tell_size(to)


def assemble_styles(work: Path, to: Path) -> None:
    """Write every style's LoRA whose training has ended, and what that did beside it under the same name."""
    folders = [one for one in sorted((work / "styles").glob("*")) if (one / f"{one.name}.safetensors").is_file()]
    if not folders:
        raise SystemExit(f"there is no style in {work / 'styles'} yet: run `python -m pocketworld train styles`")
    to.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        shutil.copyfile(folder / f"{folder.name}.safetensors", to / f"{folder.name}.safetensors")
        _write_record(to / f"{folder.name}.json", folder)
    _tell_size(to)


def _write_record(file: Path, folder: Path) -> None:
    """What the training did, with the device and the day where it is a new one."""
    record = training_record(folder)
    if not (file.exists() and record.items() <= json.loads(file.read_text(encoding="utf-8")).items()):
        record |= {"device": device_name(), "date": date.today().isoformat()}
        file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _write_words(to: Path, words: dict[str, list[str]]) -> None:
    (to / "words.json").write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")


def _tell_size(folder: Path) -> None:
    print(f"{folder}: {sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()) / 1e6:.1f} MB")


def unpack(family: Path, masks: Path, outfits: Path, work: Path) -> None:
    """The way back: lay a family, its masks' networks, its IP-Adapter and the judge into an empty work folder, to train
    on from."""
    if (work / "unet" / "checkpoint.pt").exists():
        raise SystemExit(f"{work} holds a training already: remove it first, or name another folder with --work")
    pipeline = load_family(family)
    records = {
        folder: json.loads((family / component / "training.json").read_text(encoding="utf-8"))
        for component, folder in TRAINED_IN.items()
    }
    for name in ("weights", "usual"):  # what is trained on stays near the usual one: the others have learnt it
        pipeline.vae.save_pretrained(work / "vae" / name)
    for name in ("tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", "image_encoder", "feature_extractor"):
        for folder in (work / "clip", work / "clip" / "usual"):
            getattr(pipeline, name).save_pretrained(folder / name)
    for folder in ("vae", "clip"):
        write_journal(records[folder], work / folder)
    go_on_from(pipeline.unet, records["unet"], work / "unet")
    pipeline.unet.save_pretrained(work / "unet" / "weights")
    adapter = Adapter(pipeline.unet, pipeline.image_encoder.config.hidden_size, outfits / OUTFITS)
    go_on_from(adapter, json.loads((outfits / "training.json").read_text(encoding="utf-8")), work / "outfits")
    detector = GroundingDinoForObjectDetection.from_pretrained(masks / "detector", dtype=torch.float32)
    segmenter = SamModel.from_pretrained(masks / "segmenter", dtype=torch.float32)
    for name, folder, network in (("detector", "dino", settled(detector)), ("segmenter", "sam", segmenter)):
        record = json.loads((masks / name / "training.json").read_text(encoding="utf-8"))
        go_on_from(network, record, work / folder)
    go_on_from(Judge.load().net, json.loads((BUNDLED / "judge.json").read_text(encoding="utf-8")), work / "judge")


def ready_words() -> dict[str, list[str]]:
    """What the family was taught, by kind: the studio offers these words, and notes those of a prompt that are not."""
    return {
        "nouns": list(vocabulary.NOUNS),
        "objects": list(vocabulary.OBJECTS),
        "hair": list(vocabulary.HAIR),
        "hair colours": list(vocabulary.HAIR_COLOURS),
        "tops": list(vocabulary.TOPS),
        "bottoms": list(vocabulary.BOTTOMS),
        "colours": list(vocabulary.GARMENT_COLOURS),
        "accessories": [word for word in vocabulary.ACCESSORIES if word != "none"],
        "expressions": list(vocabulary.EXPRESSIONS),
        "poses": [POSE_WORDS.get(pose, pose) for pose in vocabulary.POSES],
        "places": [*(wordings[0] for wordings in PLACES.values()), "on a plain white background"],
        "views": ["a portrait of", "from the side", "from behind"],
    }


def ready_things() -> dict[str, list[str]]:
    """What the detector finds, by kind, the plainest first. Of the words of `things`, those with a colour are left out:
    it was taught "red jacket" too, and finds such a thing in one picture of eight."""
    return {
        "parts": ["clothing", "hair", "face", "figure", "top", "bottom", "shoes", "head"],
        "garments": [*vocabulary.TOPS, *vocabulary.BOTTOMS],
        "accessories": list(vocabulary.ACCESSORIES[1:]),
        "figures": ["person", *vocabulary.NOUNS],
        "objects": list(vocabulary.OBJECTS),
        "other words": [word for words in SYNONYMS.values() for word in words[1:]],
    }


def load_parts(work: Path) -> StableDiffusionXLPipeline:
    """The pipeline in single precision; the UNet is the last checkpoint's average, training or not."""
    unet = new_unet()
    load_average(work / "unet", unet)
    clip = work / "clip"
    pipeline = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(work / "vae" / "weights"),
        unet=unet.eval(),
        scheduler=DDIMScheduler(**SCHEDULE),
        tokenizer=CLIPTokenizer.from_pretrained(clip / "tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(clip / "tokenizer_2"),
        text_encoder=CLIPTextModel.from_pretrained(clip / "text_encoder"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(clip / "text_encoder_2"),
        image_encoder=CLIPVisionModelWithProjection.from_pretrained(clip / "image_encoder"),
        feature_extractor=CLIPImageProcessorPil.from_pretrained(clip / "feature_extractor"),
        force_zeros_for_empty_prompt=False,  # training dropped captions to "", not to zeros
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_sheet(pipeline: StableDiffusionXLPipeline, to: Path, steps: int = STEPS, guidance: float = GUIDANCE) -> None:
    """The fixed prompts with fixed seeds, five in a row."""
    pictures = []
    for first in range(0, len(SHEET_PROMPTS), 5):
        prompts = list(SHEET_PROMPTS[first : first + 5])
        seeds = [torch.Generator().manual_seed(first + index) for index in range(len(prompts))]
        with torch.autocast("cpu", torch.bfloat16):
            drawn = pipeline(prompts, num_inference_steps=steps, guidance_scale=guidance, generator=seeds)
        pictures += drawn.images
    width, height = pictures[0].size
    sheet = Image.new("RGB", (5 * width, len(pictures) // 5 * height))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % 5 * width, index // 5 * height))
    sheet.save(to)


def load_family(folder: Path) -> StableDiffusionXLPipeline:
    """An assembled family in single precision."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def device_name() -> str:
    """The processor that trained it, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
