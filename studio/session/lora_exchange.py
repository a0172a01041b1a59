"""LoRAs as files: handed out to other tools, published, taken in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from studio.contracts.family import find_family
from studio.library import Lora
from studio.library.store import name_of_file
from studio.session.session import Session


class LoraExchange(Session):
    """What a studio does with LoRAs that come from elsewhere or go there."""

    def export_lora(self, slug: str, layout: str = "diffusers") -> Path:
        """A LoRA as a file for other tools, in the library's folder exports: "diffusers" or "kohya".

        Of a full fine-tune: "single file", or "diffusers" as a zip of its folder. Raises ValueError for another.
        """
        self.notice()
        lora = self.library.lora(slug)
        family = find_family(self.families, lora.family)
        return self.executor.ask(
            "studio.engine.adapters.exporting:export_lora", lora, layout, self.library.root / "exports", family=family
        )

    def publish(
        self,
        slug: str,
        repository: str,
        token: str,
        private: bool = True,
        pictures: Iterable[str] = (),
        endpoint: str | None = None,
    ) -> str:
        """Upload a LoRA to the Hugging Face Hub as owner/name, with a model card; returns where it lies.

        `pictures` are ids of the library's, shown on the card. Raises ValueError where the hub refuses.
        """
        self.notice()
        lora = self.library.lora(slug)
        if not repository.strip() or not token.strip():
            raise ValueError("Publishing needs a repository (owner/name) and a token of yours that may write to it.")
        shown = [self.library.picture(id) for id in pictures]
        return self.executor.ask(
            "studio.engine.adapters.publishing:publish",
            lora,
            repository.strip(),
            shown,
            token=token.strip(),
            private=private,
            endpoint=endpoint,
            family=find_family(self.families, lora.family),
        )

    def import_lora(self, path: str | Path, name: str | None = None, family: str | None = None) -> Lora:
        """Take a LoRA of diffusers', kohya's or another known layout into the library.

        What the studio makes nothing of in the file is in the LoRA's `left_out`, in words. Raises ValueError, with the
        reason, for a file that the family cannot draw with, or that has no effect.
        """
        self.notice()
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"There is no file {path.name}.")
        chosen = self._named_family(family)
        told = self.executor.ask("studio.engine.adapters.exporting:inspect_lora", path, family=chosen)
        if self.quota:
            self.library.make_room(path.stat().st_size)
        return self.library.save_lora(
            name or name_of_file(path),
            "",
            chosen.name,
            told["trigger"],
            told["rank"],
            told["alpha"],
            told["steps"],
            write=lambda kept: kept.write_bytes(path.read_bytes()),
            left_out=told["left_out"],
            base_resolution=told["base_resolution"],
        )
