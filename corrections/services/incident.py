"""Incidents: one cause, opened once, cited by many corrections."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.errors import InvalidInput
from corrections.models import Incident
from corrections.services import _door
from corrections.services.draft import demand_maker


def open_incident(*, actor: Any, title: str, cause: str = "", defect_number: str = "") -> Incident:
    """Records a cause that several corrections share; evidence may then be cited by all of them."""
    if not (title or "").strip() or len(title) > 200 or len(defect_number or "") > 64:
        raise InvalidInput(_("Give the incident a short title."), code="incident_title_is_required", field="title")
    with _door.opened(actor=actor) as act:
        demand_maker(act)
        incident = Incident.objects.create(
            title=title.strip(),
            cause=(cause or "").strip(),
            defect_number=(defect_number or "").strip(),
            opened_by=act.actor,
            opened_by_name=act.actor_name,
            opened_at=act.now,
        )
        act.record(AuditKind.INCIDENT_OPENED, subject=f"incident:{incident.pk}")
    return incident
