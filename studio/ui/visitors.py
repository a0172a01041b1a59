"""Whose studio it is: everyone's on a machine of one's own, each visitor's own on a shared host."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

import gradio as gr

from studio.desk import Studio

GRACE = 600.0  # seconds a visitor's library waits for them after their last page closed, as in a reload


@dataclass
class _Visit:
    desk: Studio
    sessions: set[str] = field(default_factory=set)
    farewell: threading.Timer | None = None


class Visitors:
    """Finds the studio of a request. A visitor is known by a token that their browser keeps."""

    def __init__(self, desk: Studio, apart: bool) -> None:
        self._desk, self._apart = desk, apart
        self._visits: dict[str, _Visit] = {}  # by token
        self._tokens: dict[str, str] = {}  # by session
        self._lock = threading.Lock()

    def desk_of(self, request: gr.Request) -> Studio:
        """The studio of whoever sent this."""
        if not self._apart:
            return self._desk
        return self._visit(str(request.session_hash)).desk

    def arrive(self, request: gr.Request, token: str | None) -> str:
        """Let a page that was reloaded find its library again; returns the token for the browser to keep."""
        session = str(request.session_hash)
        if not self._apart:
            return ""
        with self._lock:
            visit = self._visits.get(token or "")
            if visit is not None:
                if visit.farewell:
                    visit.farewell.cancel()
                visit.sessions.add(session)
                self._tokens[session] = str(token)
        self._visit(session)
        return self._tokens[session]

    def depart(self, request: gr.Request) -> None:
        """A page closed: its visitor's library goes a while after their last one."""
        with self._lock:
            token = self._tokens.pop(str(request.session_hash), None)
            visit = self._visits.get(token or "")
            if visit is None:
                return
            visit.sessions.discard(str(request.session_hash))
            if not visit.sessions:
                visit.farewell = threading.Timer(GRACE, self._forget, [token])
                visit.farewell.daemon = True
                visit.farewell.start()

    def _visit(self, session: str) -> _Visit:
        with self._lock:
            token = self._tokens.get(session)
            if token is None:
                token = self._tokens[session] = secrets.token_urlsafe(24)
            visit = self._visits.get(token)
            if visit is None or visit.desk.gone:  # sent away while idle: whoever comes back begins anew
                visit = self._visits[token] = _Visit(self._desk.visit(), visit.sessions if visit else set())
            visit.sessions.add(session)
            return visit

    def _forget(self, token: str) -> None:
        with self._lock:
            visit = self._visits.get(token)
            if visit is None or visit.sessions:
                return
            del self._visits[token]
        visit.desk.leave()
