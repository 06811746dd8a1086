"""Opening evidence: the original as a download, a page of it as a watermarked picture. Each opening is recorded."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from corrections import services
from corrections.admin import _pages, _refusals
from corrections.errors import CorrectionError
from corrections.models import Evidence
from corrections.selectors import corrections

# Nothing that a file holds may run, frame, or be kept by anybody between.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
PAGES_HEADER = "X-Evidence-Pages"


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path(
            "corrections/evidence/<int:pk>/original/",
            _pages.page(site, original),
            name="corrections_evidence_original",
        ),
        path("corrections/evidence/<int:pk>/preview/", _pages.page(site, preview), name="corrections_evidence_preview"),
    ]


@require_safe
def original(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it was brought, to be saved and never shown by the browser itself."""
    evidence = _evidence_or_404(request, pk)
    try:
        content = b"" if request.method == "HEAD" else services.open_original(actor=request.user, evidence=evidence)
    except CorrectionError as error:
        return _refusals.refusal_page(request, error)
    response = HttpResponse(content, content_type=evidence.file.mime, headers=SAFE_HEADERS)
    disposition = content_disposition_header(as_attachment=True, filename=evidence.filename)
    response["Content-Disposition"] = disposition or "attachment"
    return response


@require_safe
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """One page as a PNG; a header says how many there are. Asking for the head opens nothing."""
    evidence = _evidence_or_404(request, pk)
    if request.method == "HEAD":
        return HttpResponse(content_type="image/png", headers=SAFE_HEADERS)
    try:
        shown = services.open_preview(actor=request.user, evidence=evidence, page=_page_number(request))
    except CorrectionError as error:
        return _refusals.refusal_page(request, error)
    response = HttpResponse(shown.png, content_type="image/png", headers=SAFE_HEADERS)
    response[PAGES_HEADER] = str(shown.pages)
    return response


def _evidence_or_404(request: HttpRequest, pk: int) -> Evidence:
    allowed = corrections.visible(actor=request.user, are_few=True).order_by().values("pk")
    found = Evidence.objects.select_related("file", "correction").filter(pk=pk, correction__in=allowed).first()
    if found is None:
        raise Http404
    return found


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
