"""How the carrying out of a correction ends: applied, stopped or failed, with what follows from it (I-05, I-08)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, State
from corrections.engine.pages import pages
from corrections.errors import Conflict
from corrections.models import Correction, FieldHold
from corrections.services._door import Act
from corrections.services._restored import are_restored


class NoRowApplied(Conflict):
    code = "no_row_was_applied"
    message = _("Not one row could be applied: each was changed meanwhile, is gone, or was refused.")


def applied(act: Act, count: int, **left_out: Any) -> None:
    """Everything that could be written stands there; of a batch `failed` says how many rows stayed out."""
    closed(act, State.APPLIED, applied_at=act.now)
    act.record(AuditKind.APPLIED, digest=act.correction.digest, rows=count, **left_out)
    if act.correction.reverts_id is not None:
        _mark_reverted(act)


def closed(act: Act, state: State, **columns: Any) -> None:
    """Nothing more is carried out of it."""
    free(act)
    act.move(state, closed_at=act.now, step=None, step_role="", **columns)


def free(act: Act) -> None:
    """Lets go of every field that it still holds (I-03)."""
    FieldHold.objects.filter(correction=act.correction).delete()


def _mark_reverted(act: Act) -> None:
    """The original moves to `reverted` only when every field that it wrote was restored (I-05)."""
    original = Correction.objects.select_for_update(of=("self",)).get(pk=act.correction.reverts_id)
    if original.state == State.APPLIED and all(are_restored(page) for page in pages(original.changes.all())):
        original.move_to_reverted()
        original.save(update_fields=["state"])
        act.record(AuditKind.REVERTED, subject=str(original.number))
