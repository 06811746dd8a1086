"""The pages of every registered model: a list by key, the record, its history; all read-only, all masked.

Nothing here writes a business row. A record is corrected through `corrections.admin.propose`, never in a form of its
own; a third-party admin that could write around the gate gives way to these pages.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from corrections.admin import _pages, propose
from corrections.admin._refusals import Refusal, refusal_of
from corrections.admin._rights import may_see_kind, rights_for
from corrections.errors import CorrectionError
from corrections.permissions import visible_records
from corrections.registry import Entry, registry
from corrections.selectors import history, lists, records


class CorrectableAdmin(admin.ModelAdmin):
    """Read-only pages of a registered model. A project's own ModelAdmin for such a model subclasses this."""

    actions = None
    save_as = False
    list_editable = ()
    inlines = ()

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        entry = registry.get(model)
        if entry is None:
            raise TypeError(f"{model._meta.label} is not registered as correctable.")
        self.entry: Entry = entry

    # Rights: by object permission, never by Django's model permissions

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return may_see_kind(request, self.entry)
        return visible_records(request.user, rights_for(request), self.entry).filter(pk=obj.pk).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_see_kind(request, self.entry)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return visible_records(request.user, rights_for(request), self.entry)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in self.entry.config.list_filter

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return []

    # Whatever a subclass lets through, it doesn't write here

    def save_model(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionDenied

    def delete_model(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionDenied

    def delete_queryset(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionDenied

    # Pages

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"

        def at(route: str, view: Any, suffix: str) -> URLPattern:
            return path(route, _pages.page(self.admin_site, view), name=f"{name}_{suffix}")

        return [
            at("", self.changelist_view, "changelist"),
            at("propose/", self.propose_create_view, "propose_create"),
            at("<path:object_id>/change/", self.change_view, "change"),
            at("<path:object_id>/history/", self.history_view, "history"),
            at("<path:object_id>/propose/", self.propose_view, "propose"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._demand_kind(request)
        return require_safe(self._list)(request)

    def _list(self, request: HttpRequest) -> HttpResponse:
        rights = rights_for(request)
        params = {key: request.GET.get(key, "") for key in request.GET}
        refusal: Refusal | None = None
        try:
            page = lists.list_page(request.user, rights, self.entry, params)
        except CorrectionError as error:
            refusal = refusal_of(error)
            page = None
        context = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "page": page,
            "refusal": refusal,
            "may_create": records.may_create(rights, self.entry),
            "may_correct_many": records.may_correct_some(rights, self.entry),
            "kept": {one.name: one.chosen for one in page.filters if one.chosen} if page else {},
        }
        return self._render(request, "record_list", context, refusal)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        row = self._row(request, object_id)
        return require_safe(self._record)(request, row)

    def _record(self, request: HttpRequest, row: Model) -> HttpResponse:
        page = records.record_page(request.user, rights_for(request), self.entry, row)
        title = f"{capfirst(str(self.opts.verbose_name))} {page.label}"
        return self._render(request, "record", {"title": title, "record": page})

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self._demand_kind(request)
        return require_safe(self._history)(request, object_id)

    def _history(self, request: HttpRequest, pk: str) -> HttpResponse:
        rights = rights_for(request)
        row = records.record(request.user, rights, self.entry, pk)
        found = row if row is not None else history.ghost(rights, self.entry, pk)
        if found is None:
            raise Http404
        context: dict[str, Any] = {"row": found, "is_there": row is not None, "label": self.entry.config.label(found)}
        context["title"] = _("History of %(what)s") % {"what": context["label"]}
        context["on"] = request.GET.get("on", "")
        refusal = None
        try:
            context["timeline"] = history.timeline(
                request.user, rights, self.entry, found.pk, before=request.GET.get("before", "")
            )
            context["as_of"] = history.as_of(self.entry, found.pk, context["on"]) if context["on"] else None
        except CorrectionError as error:
            refusal = context["refusal"] = refusal_of(error)
        return self._render(request, "record_history", context, refusal)

    def propose_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return propose.on_record(request, self.entry, self._row(request, object_id))

    def propose_create_view(self, request: HttpRequest) -> HttpResponse:
        self._demand_kind(request)
        return propose.new_record(request, self.entry)

    def _row(self, request: HttpRequest, object_id: str) -> Model:
        self._demand_kind(request)
        row = records.record(request.user, rights_for(request), self.entry, object_id)
        if row is None:
            raise Http404
        return row

    def _demand_kind(self, request: HttpRequest) -> None:
        if not may_see_kind(request, self.entry):
            raise PermissionDenied

    def _render(
        self, request: HttpRequest, template: str, context: dict[str, Any], refusal: Refusal | None = None
    ) -> HttpResponse:
        context = {"opts": self.opts, "entry": self.entry, **context}
        status = refusal.status if refusal else 200
        return _pages.render(request, f"corrections/{template}.html", context, status=status)


def register_records(site: admin.AdminSite) -> None:
    """Every registered model gets these pages, in place of any other admin that could write around the gate."""
    for entry in registry.entries():
        present = site._registry.get(entry.model)
        if isinstance(present, CorrectableAdmin):
            continue
        if present is not None:
            site.unregister(entry.model)
        site.register(entry.model, CorrectableAdmin)
