"""A correction's page, and one POST of its own for every act on it: approve, return, reject, withdraw, hold and so on.

A refusal comes back on the same page, beside the form that it answers, with what was typed still in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from corrections import services
from corrections.admin import _pages, _refusals
from corrections.admin._rights import rights_for
from corrections.choices import Reason
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.roles import Role
from corrections.selectors import queue
from corrections.selectors.sheet import EvidenceSheet, Sheet
from corrections.services import _door, decide

# Why an account that looks at a waiting correction can't decide it, in the words of the refusal it would get.
OBSTACLES: Mapping[str, Any] = {
    "held": _door.OnHold.message,
    "superuser": decide.SuperuserCannotDecide.message,
    "contributor": decide.MakerCannotDecide.message,
    "decided": decide.AlreadyDecided.message,
    "role": decide.NotYourStep.message,
}


@dataclass(frozen=True)
class Verb:
    """One act: what it calls, what is said afterwards, and whether the queue goes on to its next."""

    act: Callable[[HttpRequest, Correction], Any]
    done: str | Promise
    goes_on: bool = False


def _typed(request: HttpRequest, *names: str) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in names}


def _with_comment(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    return service(actor=request.user, correction=correction, **_typed(request, "comment"))


def _signed(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    """A decision binds the digest that stood in the form."""
    return service(actor=request.user, correction=correction, **_typed(request, "digest", "comment"))


def _plain(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    return service(actor=request.user, correction=correction)


def _revert(request: HttpRequest, correction: Correction) -> Correction:
    return services.revert(actor=request.user, correction=correction, **_typed(request, "reason", "note"))


def _hand_over(request: HttpRequest, correction: Correction) -> Correction:
    pk = request.POST.get("to", "")
    is_key = pk.isascii() and pk.isdigit() and len(pk) < 19
    to = get_user_model()._default_manager.filter(pk=pk).first() if is_key else None
    return services.hand_over(actor=request.user, correction=correction, to=to, **_typed(request, "comment"))


VERBS: Mapping[str, Verb] = {
    "approve": Verb(partial(_signed, services.approve), gettext_lazy("%(number)s: you approved it."), True),
    "return": Verb(partial(_signed, services.return_for_rework), gettext_lazy("%(number)s: returned."), True),
    "reject": Verb(partial(_signed, services.reject), gettext_lazy("%(number)s: rejected."), True),
    "hand_over": Verb(_hand_over, gettext_lazy("%(number)s: handed over."), True),
    "withdraw": Verb(partial(_with_comment, services.withdraw), gettext_lazy("%(number)s: withdrawn.")),
    "hold": Verb(partial(_with_comment, services.hold), gettext_lazy("%(number)s: put on hold.")),
    "release": Verb(partial(_with_comment, services.release), gettext_lazy("%(number)s: released from hold.")),
    "apply": Verb(partial(_plain, services.apply), gettext_lazy("%(number)s: applied.")),
    "rework": Verb(partial(_plain, services.rework), gettext_lazy("%(number)s: back with its maker.")),
    "revert": Verb(_revert, gettext_lazy("A draft that takes %(number)s back: attach evidence and submit it.")),
}


# These are single buttons: a refusal of theirs stands in the bar, that of another one in its form.
WITHOUT_FORM = ("approve", "apply", "rework")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    base = "corrections/correction/<int:pk>"
    own = [path(f"{base}/change/", _pages.page(site, correction_page), name="corrections_correction_change")]
    return own + [
        path(f"{base}/{verb}/", _pages.page(site, partial(act, verb=verb)), name=f"corrections_correction_{verb}")
        for verb in VERBS
    ]


@require_safe
def correction_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The page for deciding and reading; a maker who may still edit gets the draft's page instead."""
    correction = _pages.correction_or_404(request, pk)
    sheet = Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    if "print" in request.GET:
        return _pages.render(request, "corrections/print.html", {"title": str(correction), "sheet": sheet})
    if "edit" in sheet.acts.offered and "read" not in request.GET:
        from corrections.admin import maker  # which knows this page as well

        return maker.draft_page(request, correction)
    return sheet_page(request, sheet)


# A GET of an act's address, from a link in a mail say, does nothing.
@require_POST
def act(request: HttpRequest, pk: int, *, verb: str) -> HttpResponse:
    """Runs one act and goes on; a refusal re-renders the page."""
    correction = _pages.correction_or_404(request, pk)
    key = queue.key_of(correction)
    chosen, before = VERBS[verb], correction.state
    try:
        result = chosen.act(request, correction)
    except CorrectionError as error:
        return _refused(request, pk, _refusals.refusal_of(error, verb=verb))
    messages.success(request, _said(chosen, correction, before))
    if verb == "revert":
        return _to_page(result.pk)
    if not chosen.goes_on:
        return _to_page(pk)
    following = queue.walk(actor=request.user).after(key) if key else None
    return _to_page(following) if following else HttpResponseRedirect(reverse("admin:corrections_queue"))


def _said(verb: Verb, correction: Correction, before: str) -> str:
    told = str(verb.done) % {"number": correction}
    if correction.state == before:
        return told
    now = _("It is now “%(state)s”.") % {"state": correction.get_state_display()}
    return f"{told} {now}"


def _to_page(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[pk]))


def _refused(request: HttpRequest, pk: int, refusal: _refusals.Refusal) -> HttpResponse:
    """The page as it is now, not as it was sent: a failed apply, say, has changed the state."""
    correction = _pages.correction_or_404(request, pk)
    sheet = Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    return sheet_page(request, sheet, refusal=refusal)


def sheet_page(request: HttpRequest, sheet: Sheet, *, refusal: _refusals.Refusal | None = None) -> HttpResponse:
    place = queue.place(sheet.correction, queue.walk(actor=request.user, rights=sheet.rights))
    shown = _evidence_shown(request, sheet)
    context = {
        "title": str(sheet.correction),
        "sheet": sheet,
        "correction": sheet.correction,
        "acts": sheet.acts,
        "obstacle": _obstacle(sheet),
        "place": place,
        "shown": shown,
        # What stands on the page counts as opened: its picture is fetched, and recorded, with the page.
        "unopened": [item for item in sheet.evidence if not item.is_opened and item is not shown],
        "reasons": Reason.choices,
        "refusal": refusal,
        "refused_beside": bool(refusal and refusal.verb in sheet.acts.offered and refusal.verb not in WITHOUT_FORM),
        "typed": request.POST if refusal else {},
    }
    return _pages.render(request, "corrections/decide.html", context, status=refusal.status if refusal else 200)


def _evidence_shown(request: HttpRequest, sheet: Sheet) -> EvidenceSheet | None:
    """The piece that was asked for, else the first that this person has not opened, else the first."""
    asked = _pages.key(request, "evidence")
    unopened = [item for item in sheet.evidence if not item.is_opened]
    chosen = [item for item in sheet.evidence if item.pk == asked]
    return next(iter([*chosen, *unopened, *sheet.evidence]), None)


def _obstacle(sheet: Sheet) -> str:
    message = str(OBSTACLES.get(sheet.acts.obstacle, ""))
    role = sheet.correction.step_role
    return message % {"role": Role(role).label if role else ""} if "%(" in message else message
