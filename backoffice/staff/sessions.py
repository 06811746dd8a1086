"""How long a sign-in lasts: the clock of a session, kept inside the session itself; the middleware asks it.

A session ends after SESSION_IDLE_SECONDS_MAX without a request, and SESSION_SECONDS_MAX after the sign-in whatever
happens. A request is noted at most once in SESSION_NOTED_SECONDS, so idleness may strike that much early, never late.
What an account proved by its token ends with its sign-in.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from backoffice.staff import step_up

STARTED, SEEN = "signed_in_at", "seen_at"  # Unix seconds, in the session
IDLE, TOO_LONG = "idle", "day"
CLOCKS_DIFFER_SECONDS = 60  # machines behind one address need not agree exactly


def begin(session: SessionBase) -> None:
    session[STARTED] = session[SEEN] = int(time.time())


def note(session: SessionBase) -> None:
    """This session was used now."""
    if STARTED not in session:
        begin(session)
    elif int(time.time()) - session[SEEN] >= settings.SESSION_NOTED_SECONDS:
        session[SEEN] = int(time.time())


def ending_of(session: SessionBase) -> str:
    """Why this session is over: IDLE or TOO_LONG; "" while it goes on. One from the future is over as well."""
    if STARTED not in session:
        return ""
    now = time.time()
    if not -CLOCKS_DIFFER_SECONDS <= now - session[STARTED] < settings.SESSION_SECONDS_MAX:
        return TOO_LONG
    return "" if now - session[SEEN] < settings.SESSION_IDLE_SECONDS_MAX else IDLE


# Django tells of a sign-in and a sign-out by signal only.


def signed_in(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """A new sign-in has its own clock, and has proved nothing yet."""
    begin(request.session)
    step_up.end(user)


def signed_out(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    if user is not None:
        step_up.end(user)
