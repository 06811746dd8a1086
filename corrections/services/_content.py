"""What a revision says, in canonical form: the thing people sign. I-10: what was approved is what is applied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import OuterRef, Subquery, TextField
from django.db.models.functions import Cast

from corrections.choices import Action
from corrections.conf import limits
from corrections.engine.pages import pages
from corrections.errors import IntegrityBroken
from corrections.integrity.canonical import digest
from corrections.models import Batch, Change, CheckResult, Correction, DataKey, Evidence
from corrections.protection import evidence as store
from corrections.protection.keys import keyring
from corrections.services._door import Act

SCHEMA = 2
AT_DRAFT, AT_SUBMISSION, AT_DECISION, AT_APPLY = "draft", "submission", "decision", "apply"


class DigestDiffers(IntegrityBroken):
    """I-10"""

    code = "content_differs_from_what_was_signed"


def live_evidence(correction: Correction) -> list[Evidence]:
    """Evidence that stands (was not removed), oldest first."""
    standing = correction.evidence.filter(removed_at__isnull=True).select_related("file").order_by("id")
    return list(standing.annotate(**{f"key_{name}": _of_key(name) for name in KEY_COLUMNS}))


KEY_COLUMNS = ("id", "owner", "wrapped", "destroyed_at")


def _of_key(column: str) -> Subquery:
    """A column of the data key under which a file is stored, read with it: one statement for all evidence."""
    return Subquery(DataKey.objects.filter(pk=OuterRef("file__key_id")).values(column)[:1])


def demand_files(evidence: Sequence[Evidence]) -> None:
    """Every file is there, and is what was attached. Raises SecretUnreadable or IntegrityBroken."""
    with keyring() as ring:
        for item in evidence:
            key = {name: getattr(item, f"key_{name}") for name in KEY_COLUMNS}
            ring.take(DataKey(**key) if key["id"] else None)
            store.load(item.file.sha256, item.file.key_id)


def content_of(
    correction: Correction,
    *,
    changes: Sequence[Change],
    evidence: Sequence[Evidence],
    verdicts: Sequence[CheckResult],
    batch: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Canonical content of the present revision; secrets appear as ciphertext and masked text only.

    Of a batch the changes stand for themselves in its root (`batch_content`).
    """
    pinned = {"demand": correction.demand, "acknowledged": correction.acknowledged} if correction.demand else {}
    rows = {"changes": [_change(change) for change in changes]} if batch is None else {"batch": batch}
    return {
        **pinned,
        **rows,
        # Revisions that were submitted before demands were pinned keep the form in which they were signed.
        "schema": SCHEMA if correction.demand else 1,
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


def batch_content(batch: Batch, root: str) -> dict[str, Any]:
    """What a batch is, and the root over its changes."""
    return {
        "model": batch.target_model,
        "source": batch.source,
        "file": None if batch.file is None else batch.file.sha256,
        "filename": batch.filename,
        "rule": batch.rule,
        "retries": batch.retries_id,
        "rows": batch.rows,
        "bad_rows": batch.bad_rows,
        "unchanged_rows": batch.unchanged_rows,
        "on_bad_row": batch.on_bad_row,
        "chunk_rows": batch.chunk_rows,
        "sample": batch.sample,
        "root": root,
    }


def root_of(correction: Correction) -> str:
    """SHA-256 over the digests of all changes, in order of position, read page by page."""
    whole = hashlib.sha256()
    for page in pages(correction.changes.defer("after_image")):
        for change in page:
            whole.update(bytes.fromhex(digest(_change(change))))
    return whole.hexdigest()


ASKED = ("position", "action", "target_model", "target_pk")


def chunk_root_of(correction: Correction, first: int, last: int) -> str:
    """SHA-256 over what is asked for in the rows at these positions, as the database holds it.

    Cheap enough to be computed again before each chunk is written. It is taken where `root_of` says that the rows are
    those which people signed, and only compared with itself: it is no part of what is signed.
    """
    rows = correction.changes.filter(position__range=(first, last)).order_by("position")
    values = rows.values_list(*ASKED, Cast("old", TextField()), Cast("new", TextField()))
    whole = hashlib.sha256()
    for row in values.iterator(limits.BATCH_STAGE_ROWS):
        whole.update(repr(row).encode())
    return whole.hexdigest()


@dataclass(frozen=True)
class Signed:
    """What people sign, read from the tables in one transaction; the changes of a batch only as their root."""

    correction: Correction
    changes: Sequence[Change]
    evidence: Sequence[Evidence]
    verdicts: Sequence[CheckResult]
    batch: Batch | None = None

    @classmethod
    def read(cls, act: Act) -> Signed:
        correction = act.correction
        verdicts = correction.check_results.filter(revision=correction.revision, moment=AT_SUBMISSION)
        changes = act.changes if act.batch is None else ()
        return cls(correction, changes, live_evidence(correction), list(verdicts.order_by("id")), act.batch)

    @cached_property
    def batch_content(self) -> dict[str, Any] | None:
        """Computed afresh, once: until the act ends nothing of it can change."""
        return None if self.batch is None else batch_content(self.batch, root_of(self.correction))

    def content(self) -> dict[str, Any]:
        return content_of(
            self.correction,
            changes=self.changes,
            evidence=self.evidence,
            verdicts=self.verdicts,
            batch=self.batch_content,
        )

    def digest(self) -> str:
        """The digest computed afresh, for comparison with what was stored and signed."""
        return digest(self.content())
