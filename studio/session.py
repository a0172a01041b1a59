"""The studio as its users hold it: a library, a family, and the executor they share."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from PIL import Image

from studio.contracts.block_scales import Scales
from studio.contracts.family import ASSETS, ModelFamily, find_family
from studio.contracts.requests import (
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
)
from studio.execution.executor import Executor, Now, Plan
from studio.execution.history import Trainings
from studio.execution.replay import recalled
from studio.execution.run import Run
from studio.imaging.masks import Mask
from studio.imaging.photos import open_image
from studio.library import Added, Library, Lora, Outfit, Picture, Subject
from studio.library.set_files import grid_of, saved_grid, zip_of
from studio.library.store import name_of_file
from studio.quotas import Quota
from studio.tasks import task_of
from studio.tasks.draw import check_scales
from studio.tasks.task import Task
from studio.tasks.train import both_ways

EXAMPLES = ASSETS / "examples"
CONSENT = (
    "On this shared host, photos are taken only with consent: confirm that everyone who can be recognised in "
    "them agrees, or that they show no real person."
)


@dataclass
class Host:
    """What a studio and its visitors have in common.

    `served` are the folders a page may show pictures from; it grows and shrinks as libraries come and go.
    """

    executor: Executor
    families: Mapping[str, ModelFamily]
    owns_executor: bool = True  # else whoever made it closes it
    served: list[str] = field(default_factory=list)
    visitors: list[Studio] = field(default_factory=list)


class Studio:
    """One library at work: start runs, list them, draw a picture again from its own file.

    Made by `studio.open`; `visit` makes another on the same executor and pipelines.
    """

    def __init__(
        self,
        library: Library,
        family: ModelFamily,
        host: Host,
        *,
        quota: Quota | None = None,
        ask_consent: bool = False,
        is_visitor: bool = False,
        temporary: Path | None = None,
    ) -> None:
        self.library, self.family = library, family
        self.quota, self.ask_consent = quota, ask_consent
        self._host, self._is_visitor, self._temporary = host, is_visitor, temporary
        self.gone = False  # whether a visitor has left, or was sent away for being idle
        if quota:
            library.max_bytes = int(quota.megabytes * 1e6)
        self._seen = time.monotonic()
        self._turn = threading.Lock()  # one at a time starts a pair
        self._trainings = Trainings(library, host.executor, host.families, family, self._check_again)
        self._mine = [
            str(library.root / name) for name in ("pictures", "thumbnails", "images", "subjects", "outfits", "exports")
        ]
        host.served.extend(self._mine)
        for record in library.runs():
            self._serve(library.run_folder(record.id) / "samples")

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def executor(self) -> Executor:
        return self._host.executor

    @property
    def tasks(self) -> Sequence[Task[Any, Any]]:
        """What may be asked, one task for each type of request."""
        return self.executor.tasks

    @property
    def plan(self) -> Plan | None:
        """The device that the work is done on, and how; None while nobody knows yet."""
        return self.executor.plan

    def warm(self) -> None:
        """Load the family in the background, so that the first picture does not wait for it."""
        self.executor.warm(self.family)

    @property
    def families(self) -> Mapping[str, ModelFamily]:
        """Every family that may be asked for, by name."""
        return self._host.families

    @property
    def served(self) -> list[str]:
        """Folders whose pictures a page may show: one live list for the studio and all its visitors."""
        return self._host.served

    def notice(self) -> None:
        """Somebody is here: the visit is not idle."""
        self._seen = time.monotonic()

    @overload
    def start(self, request: TrainRequest | MergeRequest) -> Run[Lora]: ...
    @overload
    def start(self, request: DrawRequest | SetRequest | RepaintRequest | WearRequest) -> Run[list[Picture]]: ...
    @overload
    def start(self, request: MaskRequest) -> Run[list[Mask]]: ...
    @overload
    def start(self, request: Any) -> Run[Any]: ...
    def start(self, request: Any) -> Run[Any]:
        """Queue the request and return at once; a PIL image in it goes into the library, by its content.

        Raises ValueError with a sentence for what cannot be done; then nothing is kept of it.
        """
        self.notice()
        self._check_open()
        task = task_of(request, self.tasks)
        family = find_family(self.families, task.family(request, self.library) or self.family.name)
        if task.lasting:
            self._trainings.check_lock()
        task.check(request, self.library, family)
        self._check_waiting()
        resolved = task.resolve(request, self.library, family)
        self._check_quota(task, resolved)
        run = self.executor.start(task.keep(resolved, self.library), self.library, family, asked=request)
        if task.lasting:
            self._serve(self.library.run_folder(run.id) / "samples")
        return run

    def start_both(self, request: TrainRequest) -> tuple[Run[Lora], Run[Lora]]:
        """Train twice from one seed, with class images and without: two runs that lie side by side on the page.

        Asking again while they are under way gives the same two. Raises what `start` raises; then neither is trained.
        """
        family = find_family(self.families, request.family or self.family.name)
        with self._turn:
            for first in self._under_way():
                if first.asked == both_ways(request, family, first.request.seed)[0] and (second := self.twin(first)):
                    return first, second
            before = {run.id for run in self.executor.runs()}
            first, second = both_ways(request, family)
            run = self.start(first)
            try:
                other = self.start(second)
            except Exception:
                if run.id not in before:
                    run.cancel()
                raise
            self.library.update_run(run.id, twin=other.id)
            self.library.update_run(other.id, twin=run.id)
            return run, other

    def twin(self, run: Run[Any]) -> Run[Lora] | None:
        """The other one of two that `start_both` started."""
        if not run.task.lasting:
            return None
        other = self.library.run(run.id).twin
        if not other:
            return None
        try:
            return self.run(other)
        except ValueError:  # it is gone, or of a later version
            return None

    def runs(self, kind: str | None = None) -> list[Run[Any]]:
        """This library's runs, newest first: those of this process, and trainings of earlier ones; or those of a kind
        alone, such as "train"."""
        live = [run for run in self._live() if kind in (None, run.kind)]
        if any(task.lasting for task in self.tasks if kind in (None, task.kind)):
            past = self._trainings.past(besides={run.id for run in live})
            live += [run for run in past if kind in (None, run.kind)]
        return sorted(live, key=lambda run: run.created, reverse=True)

    def run(self, id: str) -> Run[Any]:
        """Raises ValueError when this library has no such run."""
        live = self.executor.run(id)
        if live is not None and live.library.root == self.library.root:
            return live
        past = self._trainings.one_past(id)
        if past is None:
            raise ValueError(f"There is no run {id!r} in this library.")
        return past

    def now(self) -> list[Now]:
        """What the pipeline is doing, for whom and how long still. Of others' runs it says no name."""
        self.notice()
        mine = {run.id for run in self._live()}
        return [
            now if now.run_id in mine else replace(now, title=now.for_others, run_id="") for now in self.executor.now()
        ]

    def add_subject(
        self, name: str, class_noun: str, identifier: str, photos: Iterable[Any] = (), consent: bool = False
    ) -> Subject:
        """Library.add_subject under the rules of a shared host: consent for photos, and room for them."""
        photos = list(photos)
        self._check_photos(photos, consent)
        return self.library.add_subject(name, class_noun, identifier, photos)

    def add_photos(self, slug: str, photos: Iterable[Any], consent: bool = False) -> Added:
        """Library.add_photos under the same rules."""
        photos = list(photos)
        self._check_photos(photos, consent)
        return self.library.add_photos(slug, photos)

    def describe(self, slug: str, family: str | None = None) -> Subject:
        """Give each photo of the subject that has no caption one in the family's words, to be edited at will."""
        self.notice()
        subject, chosen = self.library.subject(slug), find_family(self.families, family or self.family.name)
        for photo in subject.photos:
            if not photo.caption.strip():
                said = self.executor.ask("studio.engine.vision.captioning:caption_of", photo, subject, family=chosen)
                self.library.edit_photo(slug, photo.file, caption=said)
        return self.library.subject(slug)

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

        What the studio makes nothing of in the file is in the LoRA's `left_out`, in words. Raises ValueError, with the reason, for a file that the family cannot draw with, or that has no effect.
        """
        self.notice()
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"There is no file {path.name}.")
        chosen = find_family(self.families, family or self.family.name)
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
        )

    def add_outfit(
        self, name: str, picture: Any, *, as_it_is: bool = False, family: str | None = None, consent: bool = False
    ) -> Outfit:
        """An outfit from a picture (a path or a PIL image): its clothes alone on plain ground; the original is kept.

        `as_it_is` takes the picture whole. Raises ValueError for one without clothes that the family's masks find.
        """
        self._check_photos([picture], consent)
        self._check_open()
        image = open_image(picture)
        if as_it_is:
            return self.library.add_outfit(name, image)
        chosen = find_family(self.families, family or self.family.name)
        alone = self.executor.ask("studio.engine.generation.outfits:cut_out", image, family=chosen)
        if alone is None:
            raise ValueError(
                "No clothes were found in this picture. Take one that shows them whole and from the "
                "front, or take the picture as it is."
            )
        self._check_open()  # a visitor may have left meanwhile
        return self.library.add_outfit(name, alone, original=image)

    def edit_outfit(
        self,
        slug: str,
        name: str | None = None,
        block_scales: Scales | None = None,
        family: str | None = None,
        *,
        as_usual: bool = False,
    ) -> Outfit:
        """Change what is given: the name, or the block scales that come with the outfit for a family; `as_usual`
        forgets these. Raises ValueError, naming the blocks that there are, for scales that do not fit.
        """
        self.notice()
        chosen = find_family(self.families, family or self.family.name)
        if block_scales is not None:
            check_scales(block_scales, chosen)
        changed = {chosen.name: None if as_usual else block_scales} if as_usual or block_scales is not None else None
        return self.library.edit_outfit(slug, name, changed)

    def keep_preset(self, name: str, block_scales: Scales | None, family: str | None = None) -> None:
        """Keep block scales as a preset of the library, or with None forget it. Raises what `edit_outfit` raises."""
        self.notice()
        chosen = find_family(self.families, family or self.family.name)
        if block_scales is not None:
            check_scales(block_scales, chosen)
        if name.strip() in chosen.outfit_presets:
            raise ValueError(f"{name.strip()} is a preset of {chosen.title} itself; take another name.")
        self.library.save_block_preset(chosen.name, name, block_scales)

    def merge_loras(self, request: MergeRequest) -> Lora:
        """Several LoRAs of one family as one that the library keeps beside them.

        Raises ValueError, in a sentence, for LoRAs of several families, and what `Run.result` raises.
        """
        return self.start(request).result()

    def recall(self, path: str | Path) -> DrawRequest | RepaintRequest:
        """The request that draws this file's picture again, to the pixel.

        Raises ValueError when the file has no recipe, or naming what the recipe used and is missing or changed.
        """
        return recalled(Path(path), self.library, self.families, self.executor)

    def replay(self, path: str | Path) -> Picture:
        """Draw the picture of this file again, with the LoRA of the library that holds it: equal pixels.

        The new picture goes into this studio's library. Raises what `recall` and a run's `result` raise.
        """
        home = library_of(Path(path))
        if home is None or self._is_visitor or home == self.library.root.resolve():
            return self.start(self.recall(path)).result()[0]
        with self.visit(home, own=True) as there:
            return there.replay(path)

    def visit(self, library: str | Path | None = None, *, sample: bool = True, own: bool = False) -> Studio:
        """A visitor's studio on the same executor and pipelines; None: a temporary library that goes with `leave`.

        A visitor sees only their own library and runs. `own` lifts the quota and the question for consent: the
        library is the host's.
        """
        self._send_away()
        folder = None
        if library is None:
            folder = Path(tempfile.mkdtemp(prefix="understudy-visitor-"))
            library = folder / "library"
        visitor = Studio(
            prepare(Path(library), sample and folder is not None),
            self.family,
            self._host,
            quota=None if own else self.quota,
            ask_consent=self.ask_consent and not own,
            is_visitor=True,
            temporary=folder,
        )
        self._host.visitors.append(visitor)
        return visitor

    def leave(self) -> None:
        """End a visit: its runs stop, and a temporary library is removed."""
        if not self._is_visitor:
            raise ValueError("Only a visitor leaves; close() the studio itself.")
        self.gone = True
        if self in self._host.visitors:
            self._host.visitors.remove(self)
        if self._temporary:
            for run in self._under_way():
                run.cancel()
            for run in self._under_way():
                run.wait(timeout=60)
        self._let_go()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def close(self) -> None:
        """Stop within a step; training goes on at the next open from its last checkpoint. A visitor leaves."""
        if self._is_visitor:
            return self.leave()
        if self._host.owns_executor:
            self.executor.close()
        for visitor in list(self._host.visitors):
            visitor.leave()
        self._let_go()

    def resume(self, id: str | None = None) -> list[Run[Any]]:
        """Let a training go on that was paused, stopped or failed; None: all that an earlier process could not end.

        Only the holder of the library's lock may. Raises ValueError, for a run that was named, when it cannot go on.
        """
        return self._trainings.resume_all() if id is None else [self._trainings.resume(self.run(id))]

    def extend(self, id: str, steps: int) -> Run[Lora]:
        """Train a finished run for so many more steps, from where it ended; a schedule is laid over all of them.

        Raises ValueError when it cannot go on.
        """
        return self._trainings.extend(self.run(id), steps)

    def go_on_with_set(self, id: str) -> Run[list[Picture]]:
        """Draw the cells of a set that are empty. Raises ValueError for a set that is not there."""
        return self.start(self.library.set(id).request)

    def grid_of(self, id: str) -> Image.Image:
        """A set as one labelled picture, RGB: a row for each outfit, a column for each scene and seed."""
        return grid_of(self.library.set(id), self.library, self.families)

    def saved_grid(self, id: str) -> Path:
        """The same as a PNG in the library's folder exports."""
        return saved_grid(self.library.set(id), self.library, self.families)

    def files_of(self, id: str) -> Path:
        """A set's pictures as a zip in the library's folder exports, each named after its row, column and seed."""
        return zip_of(self.library.set(id), self.library)

    def pick_checkpoint(self, id: str, step: int) -> Lora:
        """The checkpoint of a step of a run as a LoRA of the library, beside the one that was picked.

        Raises ValueError, naming the steps there are, for one that is not there.
        """
        self.notice()
        return self._trainings.pick(self.run(id), step)

    def _check_open(self) -> None:
        if self.gone:
            raise ValueError("This visit has ended and its library is gone; reload the page to begin anew.")

    def _check_again(self, request: TrainRequest) -> None:
        """Of a training that goes on: what a visitor may."""
        self._check_waiting()
        self._check_quota(task_of(request, self.tasks), request)

    def _check_waiting(self) -> None:
        waiting = len(self._under_way()) if self.quota else 0
        if self.quota and waiting >= self.quota.waiting:
            raise ValueError(f"You have {waiting} runs under way, as many as a visitor may; wait for one to end.")

    def _check_quota(self, task: Task[Any, Any], resolved: Any) -> None:
        if not self.quota:
            return
        task.limit(resolved, self.quota, self.library)
        if task.fills_library:
            self.library.make_room(1)  # a full library says so before anything is drawn

    def _check_photos(self, photos: list[Any], consent: bool) -> None:
        self.notice()
        if photos and self.ask_consent and not consent:
            raise ValueError(CONSENT)

    def _live(self) -> list[Run[Any]]:
        """This library's runs of this process, newest first."""
        return [run for run in self.executor.runs() if run.library.root == self.library.root]

    def _under_way(self) -> list[Run[Any]]:
        """This library's runs that still bring events; what the executor left at its closing does not."""
        return [run for run in self._live() if not run.wait(0)]

    def _serve(self, folder: Path) -> None:
        if str(folder) not in self._mine:
            self.served.append(str(folder))
            self._mine.append(str(folder))

    def _let_go(self) -> None:
        """Stop serving the library, and leave it to others unless a run is still at work in it."""
        for folder in self._mine:
            if folder in self.served:
                self.served.remove(folder)
        if not self._under_way():
            self.library.unlock()

    def _send_away(self) -> None:
        """Let visitors leave who went without a word long ago, as scripts do; and whoever is one too many.

        In the background: their runs may take a step to end.
        """
        if not self.quota:
            return
        quiet = sorted(self._host.visitors, key=lambda visitor: visitor._seen)
        oldest = time.monotonic() - self.quota.idle_hours * 3600
        crowd = max(0, len(quiet) + 1 - self.quota.visitors)
        for number, visitor in enumerate(quiet):
            if number < crowd or visitor._seen < oldest:
                self._host.visitors.remove(visitor)
                visitor.gone = True
                threading.Thread(target=visitor.leave, name="farewell", daemon=True).start()


def prepare(root: Path, sample: bool) -> Library:
    """The library in this folder; a new one starts as a copy of the sample library where asked."""
    if sample and EXAMPLES.is_dir() and not (root.is_dir() and any(root.iterdir())):
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix=".sample-"))
        shutil.copytree(EXAMPLES, fresh, dirs_exist_ok=True)
        fresh.chmod(0o755)
        if root.is_dir():
            root.rmdir()
        fresh.rename(root)
    return Library(root)


def library_of(path: Path) -> Path | None:
    """The root of the library that holds this file: the folder above its `pictures`; None for a file elsewhere."""
    pictures = next((parent for parent in path.resolve().parents if parent.name == "pictures"), None)
    return pictures.parent if pictures else None
