"""Batches from files that a test writes down, and what was found in them."""

from __future__ import annotations

from typing import Any

import pytest

from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Correction
from tests.corrections.services.desk import Desk


def csv_of(header: str, *rows: str) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


def batch(desk: Desk, content: Any, **more: Any) -> Correction:
    given = {
        "actor": desk.mara,
        "model": "accounts.payout",
        "file": content,
        "filename": "payouts.csv",
        "reason": "system_defect",
        "note": "The mapping wrote the wrong bank code.",
    }
    return services.draft_batch(**{**given, **more})


def refused(desk: Desk, content: Any, **more: Any) -> CorrectionError:
    with pytest.raises(CorrectionError) as refusal:
        batch(desk, content, **more)
    assert not Correction.objects.exists()
    return refusal.value


def findings(correction: Correction) -> list[tuple[int, str, str]]:
    return list(correction.row_findings.values_list("position", "code", "column"))
