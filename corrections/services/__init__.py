"""The public door: every verb by which a correction is made, decided, applied and taken back.

Arguments are keyword-only and `actor` is required: an account, read afresh inside. Every refusal is a
`corrections.errors.CorrectionError` with a stable `code`; after a refusal nothing has changed, but for a failed apply,
which leaves the state `failed` with its reason.
"""

from corrections.services.apply import apply, apply_due
from corrections.services.batch import draft_batch, draft_selection, replace_bad_rows
from corrections.services.batch_again import retry_failed
from corrections.services.batch_control import pace_batch, pause_batch, resume_batch, stop_batch
from corrections.services.break_glass import break_glass, countersign
from corrections.services.check import check_draft
from corrections.services.clock import escalate, remind
from corrections.services.decide import approve, reject, return_for_rework
from corrections.services.delegate import delegate, end_delegation
from corrections.services.draft import add_change, amend, draft, remove_change
from corrections.services.evidence import attach_evidence, open_original, open_preview, remove_evidence
from corrections.services.hand_over import hand_over
from corrections.services.hold import hold, refer, release
from corrections.services.incident import open_incident
from corrections.services.notices import mark_all_read, mark_read
from corrections.services.revert import revert
from corrections.services.rework import rework
from corrections.services.role_request import ask_role, give_role, refuse_role, take_role
from corrections.services.statement import draft_statement
from corrections.services.submit import submit
from corrections.services.withdraw import expire, withdraw

__all__ = [
    "add_change",
    "amend",
    "apply",
    "apply_due",
    "approve",
    "ask_role",
    "attach_evidence",
    "break_glass",
    "check_draft",
    "countersign",
    "delegate",
    "draft",
    "draft_batch",
    "draft_selection",
    "draft_statement",
    "end_delegation",
    "escalate",
    "expire",
    "give_role",
    "hand_over",
    "hold",
    "mark_all_read",
    "mark_read",
    "open_incident",
    "open_original",
    "open_preview",
    "pace_batch",
    "pause_batch",
    "refer",
    "refuse_role",
    "reject",
    "release",
    "remind",
    "remove_change",
    "remove_evidence",
    "replace_bad_rows",
    "resume_batch",
    "retry_failed",
    "return_for_rework",
    "revert",
    "rework",
    "stop_batch",
    "submit",
    "take_role",
    "withdraw",
]
