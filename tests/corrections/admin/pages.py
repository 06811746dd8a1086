"""Short ways to the pages of records and of the maker, as somebody."""

from __future__ import annotations

import html
import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import User
from corrections.models import Correction
from tests.corrections.services.desk import Desk

WHY = {"reason": "system_defect", "note": "The mapping wrote the wrong bank code.", "ticket": "T-1"}


def url(model: str, page: str, pk: Any = None) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=[] if pk is None else [pk])


def verb_url(verb: str, correction: Any) -> str:
    return reverse(f"admin:corrections_correction_{verb}", args=[correction.pk])


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def seen(answer: Any) -> str:
    """The signed old values of a form."""
    found = re.search(r'name="seen" value="([^"]*)"', answer.content.decode())
    assert found is not None
    return html.unescape(found.group(1))


def ticked(**values: Any) -> dict[str, Any]:
    """What the form sends for these new values."""
    return {key: value for name, new in values.items() for key, value in ((f"new_{name}", new), (f"tick_{name}", "on"))}


def propose(user: User, row: Any, *, data: dict[str, Any] | None = None, **values: Any) -> Any:
    """Opens the form of a record, fills it in and sends it."""
    address = url(row._meta.label_lower, "propose", row.pk)
    client = browser(user)
    form = client.get(address)
    return client.post(address, {"seen": seen(form), **WHY, **ticked(**values), **(data or {})})


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def upload(text: str = "The channel confirms.", name: str = "receipt.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def draft_page(desk: Desk, correction: Correction, user: Any = None) -> Any:
    return browser(user or desk.mara).get(reverse("admin:corrections_correction_change", args=[correction.pk]))


def send(desk: Desk, correction: Correction, verb: str, data: dict[str, Any] | None = None, user: Any = None) -> Any:
    return browser(user or desk.mara).post(verb_url(verb, correction), data or {})
