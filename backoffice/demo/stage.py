"""What every story of the demo is told with: its staff, its ticket, and the verbs of a correction's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from backoffice.staff.models import User
from corrections import services
from corrections.choices import Acknowledged, OnBadRow
from corrections.models import Correction

DORMANT_SOURCE = "payout_source_is_in_use"  # the check that warns of it


@dataclass(frozen=True)
class Stage:
    """The staff by user name, and the ticket of the story being told."""

    staff: Mapping[str, User]
    ticket: str

    def drafted(
        self, maker: str, target: Any, values: Mapping[str, Any], reason: str, note: str, **more: Any
    ) -> Correction:
        return services.draft(
            actor=self.staff[maker],
            target=target,
            values=values,
            reason=reason,
            note=note,
            ticket=self.ticket,
            **more,
        )

    def proven(self, correction: Correction, maker: str, file: ContentFile[bytes], kind: str, note: str = "") -> None:
        services.attach_evidence(actor=self.staff[maker], correction=correction, file=file, kind=kind, note=note)

    def submitted(
        self, correction: Correction, maker: str, *warnings: str, on_bad_row: str = OnBadRow.FAIL_ALL
    ) -> None:
        """Handed to the checkers; the maker says of these warnings of machines that the evidence explains them."""
        answers = dict.fromkeys(warnings, Acknowledged.EVIDENCE)
        actor = self.staff[maker]
        services.submit(actor=actor, correction=correction, acknowledged=answers, on_bad_row=on_bad_row)

    def approved(self, correction: Correction, checker: str, comment: str = "", *warnings: str) -> None:
        services.approve(
            actor=self.staff[checker],
            correction=correction,
            digest=correction.digest,
            comment=comment,
            acknowledged=dict.fromkeys(warnings, Acknowledged.LOOKED_INTO),
        )

    def returned(self, correction: Correction, checker: str, comment: str) -> None:
        services.return_for_rework(
            actor=self.staff[checker], correction=correction, digest=correction.digest, comment=comment
        )
