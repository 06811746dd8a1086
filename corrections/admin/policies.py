"""The pages of approval policies: what is in force and what it leaves open, a try, and the drafts of changes.

They are read by those who set, sign or audit policies; a draft is one POST to `services.policy`, and goes on like
every other correction.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from corrections.admin import _pages, _policy_form
from corrections.admin._refusals import Refusal, refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.checks.known import known_currencies, known_flags
from corrections.choices import Action, Impact, Reason
from corrections.conf import limits, policy_currency
from corrections.errors import CorrectionError, NotAllowed
from corrections.models import Correction, Policy
from corrections.selectors import policies
from corrections.services.policy import draft_policy_retirement, draft_policy_version

TEXTS = ("reason", "note", "ticket")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("policies/", _pages.page(site, overview), name="corrections_policies"),
        path("policies/version/", _pages.page(site, version), name="corrections_policies_version"),
        path("policies/retire/", _pages.page(site, retire), name="corrections_policies_retire"),
    ]


# What is there


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    rights = rights_for(request)
    try:
        found = policies.overview(rights=rights)
    except CorrectionError as error:
        return refusal_page(request, error)
    wish = _wish(request)
    trial, refusal = _tried(request, wish)
    context = {
        "title": _("Approval policies"),
        "overview": found,
        "report": found.report,
        "may_change": policies.may_change(rights),
        "currency": policy_currency(),
        "wish": wish,
        "trial": trial,
        "refusal": refusal,
        **_offered(wish),
    }
    return _pages.render(request, "corrections/policies.html", context, status=refusal.status if refusal else 200)


def _wish(request: HttpRequest) -> policies.Wish:
    asked = {name: request.GET.get(name, "").replace("\x00", "")[:100] for name in policies.Wish.__dataclass_fields__}
    given = {name: text for name, text in asked.items() if text and name != "flags"}
    return policies.Wish(**given, flags=tuple(request.GET.getlist("flags")[: limits.POLICY_NAMES_MAX]))


def _tried(request: HttpRequest, wish: policies.Wish) -> tuple[policies.Trial | None, Refusal | None]:
    if not wish.what:
        return None, None
    try:
        return policies.trial(rights=rights_for(request), wish=wish), None
    except CorrectionError as error:
        return None, refusal_of(error)


def _offered(wish: policies.Wish) -> dict[str, Any]:
    """What the try can be about."""
    return {
        "fields": policies.trial_fields(),
        "actions": Action.choices,
        "reasons": Reason.choices,
        "impacts": Impact.choices,
        "currencies": known_currencies(),
        "flags": [(code, flag.title, code in wish.flags) for code, flag in sorted(known_flags().items())],
    }


# A next version, or a new policy


@require_http_methods(["GET", "HEAD", "POST"])
def version(request: HttpRequest) -> HttpResponse:
    if not policies.may_change(rights_for(request)):
        return refusal_page(request, NotAllowed())
    policy = _named(request)
    if request.method != "POST":
        values, steps = _policy_form.of_nothing() if policy is None else _policy_form.of_policy(policy)
        return _form(request, policy, _policy_form.build(values, steps))
    values, steps = _policy_form.read(request.POST)
    try:
        correction = draft_policy_version(
            actor=request.user, policy=policy, values=values, steps=steps, **_texts(request)
        )
    except CorrectionError as error:
        form = _policy_form.build(values, steps)
        refusal = refusal_of(error)
        form.blame(refusal.field, str(refusal))
        return _form(request, policy, form, refusal)
    return _to(correction)


def _form(
    request: HttpRequest, policy: Policy | None, form: _policy_form.Form, refusal: Refusal | None = None
) -> HttpResponse:
    title = _("New approval policy") if policy is None else _("Next version of “%(policy)s”") % {"policy": policy.name}
    context = {"title": title, "policy": policy, "form": form, "currency": policy_currency(), **_why(request, refusal)}
    return _pages.render(request, "corrections/policy_version.html", context, status=refusal.status if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def retire(request: HttpRequest) -> HttpResponse:
    """Out of force without another version in its place."""
    if not policies.may_change(rights_for(request)):
        return refusal_page(request, NotAllowed())
    policy = _named(request)
    if policy is None:
        raise Http404
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            return _to(draft_policy_retirement(actor=request.user, policy=policy, **_texts(request)))
        except CorrectionError as error:
            refusal = refusal_of(error)
    title = _("Put out of force: “%(policy)s”") % {"policy": policy}
    context = {"title": title, "policy": policy, **_why(request, refusal)}
    return _pages.render(request, "corrections/policy_retire.html", context, status=refusal.status if refusal else 200)


def _named(request: HttpRequest) -> Policy | None:
    """The version in force that is named by `of`; 404 for any other."""
    text = (request.POST if request.method == "POST" else request.GET).get("of", "")
    if not text:
        return None
    is_key = text.isascii() and text.isdigit() and len(text) < 19
    found = Policy.objects.filter(pk=int(text), is_active=True).first() if is_key else None
    if found is None:
        raise Http404
    return found


def _texts(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in TEXTS}


def _why(request: HttpRequest, refusal: Refusal | None) -> dict[str, Any]:
    return {
        "refusal": refusal,
        "texts": {name: request.POST.get(name, "") for name in TEXTS},
        "reasons": Reason.choices,
        "note_chars_max": limits.NOTE_CHARS_MAX,
    }


def _to(correction: Correction) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[correction.pk]))
