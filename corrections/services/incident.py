"""Incidents: one cause, opened once, cited by many corrections."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.models import Incident
from corrections.services import _door
from corrections.services.draft import demand_maker


def open_incident(*, actor: Any, title: str, cause: str = "", defect_number: str = "") -> Incident:
    """Records a cause that several corrections share; evidence may then be cited by all of them."""
    texts = {name: (text or "").strip() for name, text in (("title", title), ("cause", cause))}
    texts["defect_number"] = (defect_number or "").strip()
    _demand_usable(texts)
    with _door.opened(actor=actor) as act:
        demand_maker(act)
        incident = Incident.objects.create(
            **texts,
            opened_by=act.actor,
            opened_by_name=act.actor_name,
            opened_at=act.now,
        )
        act.record(AuditKind.INCIDENT_OPENED, subject=f"incident:{incident.pk}")
    return incident


def _demand_usable(texts: dict[str, str]) -> None:
    if not texts["title"] or len(texts["title"]) > 200 or len(texts["defect_number"]) > 64:
        raise InvalidInput(_("Give the incident a short title."), code="incident_title_is_required", field="title")
    if len(texts["cause"]) > limits.NOTE_CHARS_MAX:
        problem = _("The cause is longer than %(max)s characters. Shorten it.")
        raise InvalidInput(problem, code="text_too_long", field="cause", max=limits.NOTE_CHARS_MAX)
    for name, text in texts.items():
        if "\x00" in text:
            raise InvalidInput(_("The text has an invisible character."), code="text_not_usable", field=name)
