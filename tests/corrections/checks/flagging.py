"""Short ways to see which risk flags a correction raises, as it stands, at a moment, before a signer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from corrections.assessment import assess
from corrections.checks import Finding
from corrections.engine import gate
from corrections.models import Correction, FlagRule
from tests.corrections.services.desk import Desk

NOON = dt.datetime(2026, 11, 23, 4, 0, tzinfo=dt.UTC)  # a Monday, midday in Shanghai


def flags_of(correction: Correction, *, at: dt.datetime = NOON, signer: Any = None) -> dict[str, Finding]:
    """Findings of raised flags by code."""
    found = assess(
        Correction.objects.get(pk=correction.pk),
        list(correction.changes.order_by("position")),
        at=at,
        is_locking=False,
        checker_person_id=None if signer is None else signer.person_id,
    )
    return {raised.flag.code: raised.finding for raised in found.flags}


def rule(desk: Desk, code: str, /, **fields: Any) -> None:
    """Treats a flag otherwise than the shipped rules do."""
    with gate.opened(actor=desk.sam):
        assert FlagRule.objects.filter(code=code).update(**fields) == 1


def plain(finding: Finding) -> dict[str, Any]:
    return dict(finding.looked_at)
