"""Whose studio it is: everyone's on a machine of one's own, each visitor's own on a shared host."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

import gradio as gr

from studio.session import Studio

GRACE = 600.0  # seconds a visitor's library waits for them after their last page closed, as in a reload


@dataclass
class _Visit:
    desk: Studio
    sessions: set[str] = field(default_factory=set)  # whose pages are open, as far as their heartbeats tell
    heard: float = field(default_factory=time.monotonic)
    farewell: threading.Timer | None = None


class Visitors:
    """Finds the studio of a request. A visitor is known by a token that their browser keeps.

    A page whose connection drops for a moment goes on asking under its old session, and finds its library: a visit
    ends only when nothing was heard of it for a while.
    """

    def __init__(self, desk: Studio, apart: bool) -> None:
        self._desk, self._apart = desk, apart
        self._visits: dict[str, _Visit] = {}  # by token
        self._tokens: dict[str, str] = {}  # by session
        self._lock = threading.Lock()

    def desk_of(self, request: gr.Request) -> Studio:
        """The studio of whoever sent this. It may have to be made, which reads and writes files."""
        if not self._apart:
            return self._desk
        with self._lock:
            return self._visit(str(request.session_hash)).desk

    def arrive(self, request: gr.Request, token: str | None) -> str:
        """Let a page that was reloaded find its library again; returns the token for the browser to keep."""
        session = str(request.session_hash)
        if not self._apart:
            return ""
        with self._lock:
            if token in self._visits:
                self._tokens[session] = token
            self._visit(session).sessions.add(session)
            return self._tokens[session]

    def depart(self, request: gr.Request) -> None:
        """A page closed, or its connection dropped: its visitor's library goes a while after nothing more is heard."""
        with self._lock:
            token = self._tokens.get(str(request.session_hash), "")
            visit = self._visits.get(token)
            if visit is None:
                return
            visit.sessions.discard(str(request.session_hash))
            if not visit.sessions:
                self._wait(token, visit, GRACE)

    def _visit(self, session: str) -> _Visit:
        token = self._tokens.setdefault(session, secrets.token_urlsafe(24))
        visit = self._visits.get(token)
        if visit is None or visit.desk.gone:  # sent away while idle: whoever comes back begins anew
            visit = self._visits[token] = _Visit(self._desk.visit(), visit.sessions if visit else set())
        visit.heard = time.monotonic()
        visit.desk.notice()
        return visit

    def _wait(self, token: str, visit: _Visit, seconds: float) -> None:
        if visit.farewell:
            visit.farewell.cancel()
        visit.farewell = threading.Timer(seconds, self._forget, [token])
        visit.farewell.daemon = True
        visit.farewell.start()

    def _forget(self, token: str) -> None:
        with self._lock:
            visit = self._visits.get(token)
            if visit is None or visit.sessions:
                return
            left = visit.heard + GRACE - time.monotonic()
            if left > 0:
                return self._wait(token, visit, left)
            del self._visits[token]
            for session in [session for session, known in self._tokens.items() if known == token]:
                del self._tokens[session]
        visit.desk.leave()
