"""The one admin site: who may enter it at all, its titles, the start page and the help page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog

from backoffice.manual import manual
from backoffice.navigation import grouped, navigation, rights_for
from backoffice.sign_in import SignInForm
from backoffice.start import start


class BackofficeSite(admin.AdminSite):
    site_title = _("Correction back office")
    site_header = _("Correction back office")
    index_title = _("Start")
    index_template = "backoffice/start.html"
    login_form = SignInForm
    enable_nav_sidebar = False  # the header says where to go; a decision needs the whole width
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the signed-in account is an active staff account of an active person (or a superuser's)."""
        user = request.user
        if not (user.is_active and getattr(user, "is_staff", False)):
            return False
        person = user.person
        return person.is_active if person else user.is_superuser

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """The tables of the queue that wakes workers are nobody's to look at here."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else [*model_or_iterable]
        shown = [model for model in models if model._meta.app_label != "procrastinate"]
        super().register(shown, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from backoffice.staff import pages, role_requests
        from corrections.admin import extra_urls  # registers on this very site, which must exist first

        own: list[URLPattern | URLResolver] = [path("help/", self.admin_view(self.help), name="help")]
        return [*extra_urls(self), *own, *pages.urls(self), *role_requests.urls(self), *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows. Django's list of apps is asked for only where a page prints it: it costs queries."""
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": self.site_url,
            "has_permission": self.has_permission(request),
            "available_apps": SimpleLazyObject(lambda: self.get_app_list(request)),
            "is_popup": False,
            "is_nav_sidebar_enabled": self.enable_nav_sidebar,
            "log_entries": self.get_log_entries(request),
            "navigation": SimpleLazyObject(lambda: navigation(request, self)),
        }

    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The texts of Django's own scripts, with those that its catalogues lack."""
        view: Any = JavaScriptCatalog.as_view(packages=["django.contrib.admin", "backoffice"])
        response: HttpResponse = view(request)
        return response

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        if app_label is not None:
            return super().get_app_list(request, app_label)
        return grouped(super().get_app_list(request))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The start page: what waits for whom, in numbers, each with its list."""
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "start": start(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.index_template, context)

    def help(self, request: HttpRequest) -> HttpResponse:
        """What to do in each role, the desk's words, and what each refusal means."""
        context = {**self.each_context(request), "title": _("Help"), "manual": manual(rights_for(request))}
        return TemplateResponse(request, "backoffice/help.html", context)
