"""A correction's page, and one POST of its own for every act on it: approve, return, reject, withdraw, hold and so on.

A refusal comes back on the same page, beside the form that it answers, with what was typed still in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_time
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from corrections import services
from corrections.admin import _answers, _pages, _refusals, draft
from corrections.admin._rights import rights_for
from corrections.admin._watching import answered
from corrections.choices import Reason
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.policies.demand import TOKENS
from corrections.roles import Role
from corrections.selectors import queue
from corrections.selectors.papers import EvidenceSheet
from corrections.selectors.proof import TokenWish, token_wish
from corrections.selectors.sheet import Sheet
from corrections.services import _door, _judged, _signer, decide
from corrections.services._answers import AnswerNeedsWords, WarningNotAnswered
from corrections.services._judged import TierRaised

# Why an account that looks at a waiting correction can't decide it, in the words of the refusal it would get.
OBSTACLES: Mapping[str, Any] = {
    "held": _door.OnHold.message,
    "superuser": decide.SuperuserCannotDecide.message,
    "contributor": decide.MakerCannotDecide.message,
    "decided": decide.AlreadyDecided.message,
    "role": _signer.NotYourStep.message,
    "handler": _judged.HandlerCannotDecide.message,
}


@dataclass(frozen=True)
class Verb:
    """One act: what it calls, what is said afterwards, and whether the queue goes on to its next.

    One that is `is_in_steps` may take long, and says meanwhile how far it is.
    """

    act: Callable[[HttpRequest, Correction], Any]
    done: str | Promise
    goes_on: bool = False
    is_in_steps: bool = False


def _typed(request: HttpRequest, *names: str) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in names}


def _with_comment(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    return service(actor=request.user, correction=correction, **_typed(request, "comment"))


def _signed(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    """A decision binds the digest that stood in the form."""
    return service(actor=request.user, correction=correction, **_typed(request, "digest", "comment"))


def _approve(request: HttpRequest, correction: Correction) -> Any:
    return decide.approving(
        actor=request.user,
        correction=correction,
        **_typed(request, "digest", "comment"),
        rekeyed=_answers.keyed(request.POST),
        acknowledged=_answers.given(request.POST),
        token=_token(request),
        confirmed=_answers.confirmed(request.POST),
    )


def _token(request: HttpRequest) -> str | None:
    return request.POST.get("token", "").strip() or None


def _break_glass(request: HttpRequest, correction: Correction) -> Any:
    typed = _typed(request, "digest", "reason")
    return services.break_glass(actor=request.user, correction=correction, **typed, token=_token(request))


def _countersign(request: HttpRequest, correction: Correction) -> Any:
    typed = _typed(request, "digest", "comment")
    return services.countersign(actor=request.user, correction=correction, **typed, token=_token(request))


def _plain(service: Callable[..., Any], request: HttpRequest, correction: Correction) -> Any:
    return service(actor=request.user, correction=correction)


def _revert(request: HttpRequest, correction: Correction) -> Correction:
    return services.revert(actor=request.user, correction=correction, **_typed(request, "reason", "note"))


def _hand_over(request: HttpRequest, correction: Correction) -> Correction:
    pk = request.POST.get("to", "")
    is_key = pk.isascii() and pk.isdigit() and len(pk) < 19
    to = get_user_model()._default_manager.filter(pk=pk).first() if is_key else None
    return services.hand_over(actor=request.user, correction=correction, to=to, **_typed(request, "comment"))


def _pace(request: HttpRequest, correction: Correction) -> Correction:
    typed = _typed(request, "rows_per_second", "window_from", "window_until")
    return services.pace_batch(
        actor=request.user,
        correction=correction,
        rows_per_second=_number(typed["rows_per_second"]),
        window_from=_time(typed["window_from"]),
        window_until=_time(typed["window_until"]),
    )


def _number(text: str) -> int | None:
    """None for nothing typed; what is no number is none above zero either."""
    text = text.strip()
    return (int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1) if text else None


def _time(text: str) -> dt.time | None:
    """None for nothing typed, and for what is no time of day: then the other end stands alone, and is refused."""
    try:
        return parse_time(text.strip()) if text.strip() else None
    except ValueError:
        return None


def _of_batch(service: str, request: HttpRequest, correction: Correction) -> Any:
    return getattr(services, service)(actor=request.user, correction=correction, **_typed(request, "comment"))


def _retry(request: HttpRequest, correction: Correction) -> Correction:
    return services.retry_failed(actor=request.user, correction=correction, **_typed(request, "reason", "note"))


VERBS: Mapping[str, Verb] = {
    "approve": Verb(_approve, gettext_lazy("%(number)s: you approved it."), True, True),
    "return": Verb(partial(_signed, services.return_for_rework), gettext_lazy("%(number)s: returned."), True),
    "reject": Verb(partial(_signed, services.reject), gettext_lazy("%(number)s: rejected."), True),
    "hand_over": Verb(_hand_over, gettext_lazy("%(number)s: handed over."), True),
    "withdraw": Verb(partial(_with_comment, services.withdraw), gettext_lazy("%(number)s: withdrawn.")),
    "hold": Verb(partial(_with_comment, services.hold), gettext_lazy("%(number)s: put on hold.")),
    "release": Verb(partial(_with_comment, services.release), gettext_lazy("%(number)s: released from hold.")),
    "refer": Verb(
        partial(_with_comment, services.refer), gettext_lazy("%(number)s: referred to anti-money-laundering.")
    ),
    "break_glass": Verb(_break_glass, gettext_lazy("%(number)s: applied by break-glass. A second signature is due.")),
    "countersign": Verb(_countersign, gettext_lazy("%(number)s: countersigned.")),
    "apply": Verb(partial(_plain, services.apply), gettext_lazy("%(number)s: you released it.")),
    "rework": Verb(partial(_plain, services.rework), gettext_lazy("%(number)s: back with its maker.")),
    "revert": Verb(_revert, gettext_lazy("A draft that takes %(number)s back: attach evidence and submit it.")),
    "pause": Verb(partial(_of_batch, "pause_batch"), gettext_lazy("%(number)s: paused.")),
    "resume": Verb(partial(_of_batch, "resume_batch"), gettext_lazy("%(number)s: goes on.")),
    "stop": Verb(partial(_of_batch, "stop_batch"), gettext_lazy("%(number)s: stops after the chunk under way.")),
    "pace": Verb(_pace, gettext_lazy("%(number)s: its pace is set.")),
    "retry": Verb(_retry, gettext_lazy("A draft of the rows of %(number)s that were not applied: attach evidence.")),
}
# Their result is another correction, to be worked on.
DRAFTING = ("revert", "retry")


# Refusals that name a warning, perhaps one that was not there at the submission.
ABOUT_WARNINGS = (WarningNotAnswered.code, AnswerNeedsWords.code)
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
        return draft.draft_page(request, correction, sheet=sheet)
    return sheet_page(request, sheet)


# A GET of an act's address, from a link in a mail say, does nothing.
@require_POST
def act(request: HttpRequest, pk: int, *, verb: str) -> HttpResponseBase:
    """Runs one act and goes on; a refusal re-renders the page."""
    correction = _pages.correction_or_404(request, pk)
    key = queue.key_of(correction)
    chosen, before = VERBS[verb], correction.state
    done = partial(_done, request, correction, verb, key, before)
    refused = partial(_not_done, request, pk, verb)
    try:
        result = chosen.act(request, correction)
    except CorrectionError as error:
        return refused(error)
    if not chosen.is_in_steps:
        return done(result)
    title = _("Machines look at %(correction)s") % {"correction": correction}
    back = reverse("admin:corrections_correction_change", args=[pk])
    return answered(request, result, title=title, back=back, done=done, refused=refused)


def _not_done(request: HttpRequest, pk: int, verb: str, error: CorrectionError) -> HttpResponse:
    return _refused(request, pk, _refusals.refusal_of(error, verb=verb))


def _done(
    request: HttpRequest, correction: Correction, verb: str, key: queue.Key | None, before: str, result: Any
) -> HttpResponse:
    chosen, pk = VERBS[verb], correction.pk
    messages.success(request, _said(chosen, correction, before))
    if verb in DRAFTING:
        draft.have_checked(request, result)
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
    asked = _asked(request, sheet, refusal)
    context = {
        "title": str(sheet.correction),
        "sheet": sheet,
        "questions": asked,
        "answer_reasons": _answers.REASONS,
        "unanswered": [one for one in asked if not one.is_ticked],
        "keying": sheet.keying,
        "ticked": _ticked(request, refusal),
        "token": _wish(request, sheet),
        "glass_token": _glass_wish(request, sheet),
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
        "refused_in_row": _stands_in_row(sheet, refusal),
        "typed": request.POST if refusal else {},
    }
    return _pages.render(request, "corrections/decide.html", context, status=refusal.status if refusal else 200)


def _evidence_shown(request: HttpRequest, sheet: Sheet) -> EvidenceSheet | None:
    """The piece that was asked for, else the first that this person has not opened, else the first."""
    asked = _pages.key(request, "evidence")
    unopened = [item for item in sheet.evidence if not item.is_opened]
    chosen = [item for item in sheet.evidence if item.pk == asked]
    return next(iter([*chosen, *unopened, *sheet.evidence]), None)


def _stands_in_row(sheet: Sheet, refusal: _refusals.Refusal | None) -> bool:
    """Whether a refusal stands beside the value that is to be keyed."""
    if refusal is None or refusal.verb != "approve" or sheet.keying is None or sheet.keying.is_barred:
        return False
    return any(line.is_blind and line.name == refusal.field for change in sheet.changes for line in change.lines)


def _asked(request: HttpRequest, sheet: Sheet, refusal: _refusals.Refusal | None) -> list[_answers.Question]:
    """The warnings that whoever signs answers, with what was typed; anew where the tier rose meanwhile."""
    if not sheet.acts.may_decide:
        return []
    warned: Sequence[Any] = sheet.warnings
    if refusal is not None and refusal.code in ABOUT_WARNINGS and refusal.field not in {one.code for one in warned}:
        warned = sheet.warnings_now()  # a machine warns of something new
    posted = request.POST if refusal is not None and refusal.code != TierRaised.code else {}
    return _answers.questions(warned, posted, sheet.demand.worded_checks, refusal)


def _ticked(request: HttpRequest, refusal: _refusals.Refusal | None) -> list[int]:
    """Rows that were ticked before a refusal; none where others were drawn meanwhile."""
    return [] if refusal is None or refusal.code == TierRaised.code else _answers.confirmed(request.POST)


def _wish(request: HttpRequest, sheet: Sheet) -> TokenWish | None:
    """Whether signing here asks for a one-time password now."""
    step = sheet.open_step
    if "approve" not in sheet.acts.offered or step is None:
        return None
    return token_wish(request.user, step.demand.token)


def _glass_wish(request: HttpRequest, sheet: Sheet) -> TokenWish | None:
    """The same for breaking the glass, which asks for the strongest proof of all steps, and for countersigning it."""
    if sheet.acts.offered.isdisjoint({"break_glass", "countersign"}):
        return None
    return token_wish(request.user, max((step.token for step in sheet.demand.steps), key=TOKENS.index))


def _obstacle(sheet: Sheet) -> str:
    message = str(OBSTACLES.get(sheet.acts.obstacle, ""))
    role = sheet.correction.step_role
    return message % {"role": Role(role).label if role else ""} if "%(" in message else message
