"""What a revision says, in canonical form: the thing people sign. I-10: what was approved is what is applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from corrections.choices import Action
from corrections.integrity.canonical import digest
from corrections.models import Change, CheckResult, Correction, Evidence

SCHEMA = 1
AT_SUBMISSION = "submission"


def live_evidence(correction: Correction) -> list[Evidence]:
    """Evidence that stands (was not removed), oldest first."""
    return list(correction.evidence.filter(removed_at__isnull=True).select_related("file").order_by("id"))


def content_of(
    correction: Correction,
    *,
    changes: Sequence[Change],
    evidence: Sequence[Evidence],
    verdicts: Sequence[CheckResult],
) -> dict[str, Any]:
    """Canonical content of the present revision; secrets appear as ciphertext and masked text only."""
    return {
        "schema": SCHEMA,
        "correction": correction.pk,
        "number": correction.number,
        "revision": correction.revision,
        "maker": correction.maker_person_id,
        "maker_name": correction.maker_name,
        "reason": correction.reason,
        "note": correction.note,
        "ticket": correction.ticket,
        "incident": correction.incident_id,
        "reverts": correction.reverts_id,
        "policy": str(correction.policy),
        "policy_id": correction.policy_id,
        "moved_on": correction.moved_on,
        "changes": [_change(change) for change in changes],
        "evidence": [_evidence(item) for item in evidence],
        "verdicts": [[it.check_code, it.verdict, it.message, it.looked_at] for it in verdicts],
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "sha256": item.file.sha256,
        "kind": item.kind,
        "name": item.filename,
        "note": item.note,
        "brought_by": item.brought_by_person_id,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "position": change.position,
        "action": change.action,
        "model": change.target_model,
        # A create has no key yet when it is signed, and gets one when it is applied.
        "pk": "" if change.action == Action.CREATE else change.target_pk,
        "label": change.target_label,
        "old": change.old,
        "new": change.new,
        # The whole row as people were shown it; apply keeps a before-image of its own moment.
        "before": None if change.before_image is None else digest(change.before_image),
        "scopes": [change.scope_before, change.scope_after],
        "amount": None if change.amount is None else f"{change.amount:.4f}",
        "currency": change.currency,
    }


@dataclass(frozen=True)
class Signed:
    """What people sign, read from the tables in one transaction."""

    correction: Correction
    changes: Sequence[Change]
    evidence: Sequence[Evidence]
    verdicts: Sequence[CheckResult]

    @classmethod
    def read(cls, correction: Correction, changes: Sequence[Change]) -> Signed:
        verdicts = correction.check_results.filter(revision=correction.revision, moment=AT_SUBMISSION)
        return cls(correction, changes, live_evidence(correction), list(verdicts.order_by("id")))

    def content(self) -> dict[str, Any]:
        return content_of(self.correction, changes=self.changes, evidence=self.evidence, verdicts=self.verdicts)

    def digest(self) -> str:
        """The digest computed afresh, for comparison with what was stored and signed."""
        return digest(self.content())
