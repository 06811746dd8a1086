"""Incidents: one cause, opened once, cited by many corrections."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.models import Incident
from corrections.services import _door, _texts
from corrections.services.draft import demand_maker


def open_incident(*, actor: Any, title: str, cause: str = "", defect_number: str = "") -> Incident:
    """Records a cause that several corrections share; evidence may then be cited by all of them."""
    texts = {
        "title": _texts.clean(title, field="title", longest=200),
        "cause": _texts.clean(cause, field="cause", longest=limits.NOTE_CHARS_MAX),
        "defect_number": _texts.clean(defect_number, field="defect_number", longest=64),
    }
    if not texts["title"]:
        raise InvalidInput(_("Give the incident a short title."), code="incident_title_is_required", field="title")
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
