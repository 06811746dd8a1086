"""The register of corrections (订正登记簿): all that the account may see, also withdrawn and refused ones."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from corrections.admin import _pages
from corrections.admin._rights import rights_for
from corrections.choices import Reason, State
from corrections.permissions import is_maker
from corrections.selectors import corrections, views

# Days that every database can turn into a moment.
DAYS = [MinValueValidator(dt.date(1900, 1, 1)), MaxValueValidator(dt.date(2999, 12, 31))]


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, validators=DAYS, input_formats=["%Y-%m-%d"], widget=widget)


class FilterForm(forms.Form):
    """What the register can be narrowed to. A wrong value is told beside it and narrows nothing."""

    number = forms.CharField(label=gettext_lazy("number"), required=False, max_length=20)
    state = forms.ChoiceField(label=gettext_lazy("state"), required=False)
    view = forms.ChoiceField(label=gettext_lazy("part"), required=False)
    reason = forms.ChoiceField(label=gettext_lazy("reason"), required=False)
    scope = forms.ChoiceField(label=gettext_lazy("branch"), required=False)
    maker = forms.CharField(label=gettext_lazy("maker: name or employee no."), required=False, max_length=100)
    since = _day(gettext_lazy("from day"))
    until = _day(gettext_lazy("to day"))

    def __init__(self, *args: Any, scopes: list[tuple[str, str]], views: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything = ("", _("any"))
        self.fields["state"].choices = [anything, *State.choices]  # type: ignore[attr-defined]
        self.fields["view"].choices = [anything, *views]  # type: ignore[attr-defined]
        self.fields["reason"].choices = [anything, *Reason.choices]  # type: ignore[attr-defined]
        self.fields["scope"].choices = [anything, *scopes]  # type: ignore[attr-defined]

    def filters(self) -> corrections.Filters:
        self.full_clean()
        values = getattr(self, "cleaned_data", {})
        words = {name: values.get(name) or "" for name in ("state", "view", "reason", "scope", "maker")}
        until = values.get("until")
        return corrections.Filters(
            **words,
            number=(values.get("number") or "").strip().upper(),
            since=_midnight(values.get("since")),
            until=_midnight(until + dt.timedelta(days=1)) if until else None,
        )


def _midnight(day: dt.date | None) -> dt.datetime | None:
    """The beginning of a day of the desk."""
    return None if day is None else timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def urls(site: admin.AdminSite) -> list[URLPattern]:
    view = _pages.page(site, register_page)
    return [path("corrections/correction/", view, name="corrections_correction_changelist")]


@require_safe
def register_page(request: HttpRequest) -> HttpResponse:
    parts = views.offered(rights_for(request))
    form = FilterForm(request.GET, scopes=corrections.scope_choices(actor=request.user), views=parts)
    below, above = _pages.key(request, "below"), _pages.key(request, "above")
    found = corrections.register(actor=request.user, filters=form.filters(), below=below, above=above)
    context = {
        "title": _("Register of corrections"),
        "form": form,
        "page": found,
        "query": _pages.query_without(request, "below", "above"),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "may_correct_many": is_maker(rights_for(request)),
    }
    return _pages.render(request, "corrections/register.html", context)
