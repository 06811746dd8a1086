"""How a refusal looks: its sentence, its code and its HTTP status. Only CorrectionError is ever caught by an edge."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from corrections.admin import _pages
from corrections.errors import (
    Conflict,
    CorrectionError,
    IllegalState,
    IntegrityBroken,
    InvalidInput,
    NoPreview,
    NotAllowed,
)

# The first kind that fits gives the status.
STATUSES: tuple[tuple[type[CorrectionError], int], ...] = (
    (NotAllowed, 403),
    (Conflict, 409),
    (IllegalState, 409),
    (IntegrityBroken, 409),
    (InvalidInput, 400),
    (NoPreview, 404),
)


@dataclass(frozen=True)
class Refusal:
    """A refusal as a page shows it. `verb` names the form it answers, `field` the input it is about."""

    sentence: str
    code: str
    status: int
    field: str = ""
    verb: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} ({self.code})"


def refusal_of(error: CorrectionError, *, verb: str = "") -> Refusal:
    """The refusal behind an error, in the reader's language."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 400)
    return Refusal(str(error), error.code, status, field=str(error.details.get("field") or ""), verb=verb)


def refusal_page(request: HttpRequest, error: CorrectionError) -> HttpResponse:
    """A page of its own, for what has no page to stand on (a file that can't be opened)."""
    refusal = refusal_of(error)
    context = {"title": _("Not possible"), "refusal": refusal}
    return _pages.render(request, "corrections/refusal.html", context, status=refusal.status)
