"""What happens around every page for the signed-in account: its language, and the end of its time."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from backoffice.logs import mask_numbers
from backoffice.staff import sessions

Handler = Callable[[HttpRequest], HttpResponseBase]
SAFE_METHODS = ("GET", "HEAD")
NOT_SHOWN = re.compile(r"^_|^(csrfmiddlewaretoken|next|seen|digest|code|token)$|password|rekey")
TYPED_FIELDS_MAX = 50
TYPED_CHARS_MAX = 4_000


class ChosenLanguageMiddleware:
    """Stands after LocaleMiddleware, which has already followed the browser."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if language := getattr(request.user, "language", ""):
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)


class SessionLimitsMiddleware:
    """Ends a session whose time is over, before anything is done in it. Stands after ChosenLanguageMiddleware."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self.get_response(request)
        ending = sessions.ending_of(request.session)
        if not ending:
            sessions.note(request.session)
            return self.get_response(request)
        logout(request)
        if request.path in (reverse("admin:login"), reverse("admin:logout")):
            return self.get_response(request)
        return self._sign_in_again(request, ending)

    def _sign_in_again(self, request: HttpRequest, ending: str) -> HttpResponse:
        """What was asked for is shown after signing in; what was sent is not done, and the page says so."""
        if request.method in SAFE_METHODS:
            query = urlencode({"next": request.get_full_path(), "ended": ending})
            return HttpResponseRedirect(f"{reverse('admin:login')}?{query}")
        context = {"ending": ending, "typed": _typed(request), "next": _page_of_the_form(request)}
        answer = render(request, "backoffice/session_over.html", context, status=403)
        answer["Cache-Control"] = "no-store"
        return answer


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """What was sent, to be copied: our pages are never cached, so going back would show an empty form.

    Passwords, codes and what no person types are left out; long numbers are shortened as in the log (I-13).
    """
    fields = ((name, text.strip()) for name, texts in request.POST.lists() for text in texts)
    shown = [(name, text) for name, text in fields if text and not NOT_SHOWN.search(name)]
    return [(name, mask_numbers(text[:TYPED_CHARS_MAX])) for name, text in shown[:TYPED_FIELDS_MAX]]


def _page_of_the_form(request: HttpRequest) -> str:
    """Where the form stood, as the browser says; only an address of ours."""
    asked = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    path = urlsplit(asked)._replace(scheme="", netloc="", fragment="").geturl() if is_ours else ""
    return path if path.startswith(reverse("admin:index")) else reverse("admin:index")
