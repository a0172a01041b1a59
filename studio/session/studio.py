"""The studio as its users hold it: a library, a family, and the executor they share."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from PIL import Image

from studio.contracts.family import ModelFamily, find_family
from studio.contracts.requests import (
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
)
from studio.execution.executor import Now
from studio.execution.history import Trainings
from studio.execution.replay import recalled
from studio.execution.run import Run
from studio.imaging.masks import Mask
from studio.library import Library, Lora, Picture
from studio.library.set_files import grid_of, saved_grid, zip_of
from studio.quotas import Quota
from studio.session.host import Host, ServedFolders
from studio.session.library_folder import library_of, prepare
from studio.session.lora_exchange import LoraExchange
from studio.session.outfit_making import OutfitMaking
from studio.session.subject_photos import SubjectPhotos
from studio.tasks import task_of
from studio.tasks.draw_set import check_begun
from studio.tasks.task import Task
from studio.tasks.train import both_ways


class Studio(SubjectPhotos, LoraExchange, OutfitMaking):
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
        super().__init__(library, family, host, quota=quota, ask_consent=ask_consent)
        self._is_visitor, self._temporary = is_visitor, temporary
        self._turn = threading.Lock()  # one at a time starts a pair
        self._trainings = Trainings(library, host.executor, host.families, family, self._check_again)
        self._folders = ServedFolders(host, library)

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        family = self._named_family(task.family(request, self.library))
        if task.lasting:
            self._trainings.check_lock()
        task.check(request, self.library, family)
        self._check_waiting()
        resolved = task.resolve(request, self.library, family)
        self._check_quota(task, resolved)
        run = self.executor.start(task.keep(resolved, self.library), self.library, family, asked=request)
        if task.lasting:
            self._folders.add(self.library.run_folder(run.id) / "samples")
        return run

    def start_both(self, request: TrainRequest) -> tuple[Run[Lora], Run[Lora]]:
        """Train twice from one seed, with class images and without: two runs that lie side by side on the page.

        Asking again while they are under way gives the same two. Raises what `start` raises; then neither is trained.
        """
        family = self._named_family(request.family)
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
        """Draw the cells of a set that are empty.

        Raises ValueError for a set that is not there, and for one of a size that its family does not draw any more.
        """
        request = self.library.set(id).request
        family = find_family(self.families, request.family or self.family.name)
        check_begun(request, family)
        return self.start(request)

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

    def _live(self) -> list[Run[Any]]:
        """This library's runs of this process, newest first."""
        return [run for run in self.executor.runs() if run.library.root == self.library.root]

    def _under_way(self) -> list[Run[Any]]:
        """This library's runs that still bring events; what the executor left at its closing does not."""
        return [run for run in self._live() if not run.wait(0)]

    def _let_go(self) -> None:
        """Stop serving the library, and leave it to others unless a run is still at work in it."""
        self._folders.withdraw()
        if not self._under_way():
            self.library.unlock()

    def _send_away(self) -> None:
        """Let visitors leave who are too many, in the background: their runs may take a step to end."""
        for visitor in self._host.too_many(self.quota) if self.quota else ():
            visitor.gone = True
            threading.Thread(target=visitor.leave, name="farewell", daemon=True).start()
