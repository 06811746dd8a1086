"""The pages for "not allowed" and "not found", in the frame of whoever is signed in: a refusal is no dead end."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    context = {**admin.site.each_context(request), "exception": str(exception)}
    return render(request, "403.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", admin.site.each_context(request), status=404)
