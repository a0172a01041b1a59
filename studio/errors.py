"""Errors as sentences: what went wrong and what to do about it, for people who never see a traceback."""

from __future__ import annotations

import errno
import logging
import secrets
from types import TracebackType

log = logging.getLogger(__name__)
# What our own code raises with a sentence; anything else that comes out of it is a bug. RunFailed is a RuntimeError.
FOR_PEOPLE = (ValueError, RuntimeError, MemoryError, FileNotFoundError, TimeoutError)

MEMORY = "There was not enough memory for this. Ask for a smaller picture or resolution, or close other programs."
DISK = "The disk is full, so nothing more could be saved. What was saved is whole; free some space and try again."
DENIED = (
    "The Hugging Face hub asks for permission to fetch these weights. Accept the licence on the family's page "
    "there and set HF_TOKEN, then try again."
)
MISSING = (
    "The Hugging Face hub has no such repository, or it is a private one. Check the spelling of the family's "
    "weights; for a private one set HF_TOKEN, then try again."
)
BUSY = "The Hugging Face hub is turning requests away just now. Wait a few minutes, or set HF_TOKEN, then try again."
OFFLINE = (
    "The family's weights are not on this disk and the Hugging Face hub cannot be reached. Connect to the "
    "internet once to fetch them, or take the pocket family, which needs nothing."
)


def explain(error: BaseException) -> str:
    """A sentence that names the remedy; what nobody foresaw is logged whole under an id that the sentence gives."""
    known = _known(error)
    if known:
        log.warning("%s (%s: %s)", known, type(error).__name__, error)
        return known
    if _is_ours(error) and str(error):
        return str(error)
    number = secrets.token_hex(3)
    log.error("fault %s", number, exc_info=error)
    return (
        f"Something went wrong that nobody foresaw (fault {number}; the log has the whole of it). Try again; "
        "if it comes back, report it with that number."
    )


def _known(error: BaseException) -> str | None:
    """Faults of the machine and of the network, told by type and status, since torch need not be there to ask."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    said = str(error).lower()
    if kinds & {"OutOfMemoryError", "MemoryError"} or "out of memory" in said or "can't allocate memory" in said:
        return MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DISK
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "RepositoryNotFoundError" in kinds and "GatedRepoError" not in kinds:
        return MISSING
    if "GatedRepoError" in kinds or status in (401, 403):
        return DENIED
    if status == 429:
        return BUSY
    if kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError", "ConnectTimeout"}:
        return OFFLINE
    cause = error.__cause__ or error.__context__
    return _known(cause) if cause is not None and not _is_ours(error) else None


def _is_ours(error: BaseException) -> bool:
    """Whether our own code raised it on purpose: then its message was written for people."""
    if not isinstance(error, FOR_PEOPLE):
        return False
    last: TracebackType | None = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_globals.get("__name__", "").split(".")[0] == "studio"
