"""The public door: every verb by which a correction is made, decided, applied and taken back.

Arguments are keyword-only and `actor` is required: an account, read afresh inside. Every refusal is a
`corrections.errors.CorrectionError` with a stable `code`; after a refusal nothing has changed, but for a failed apply,
which leaves the state `failed` with its reason.
"""

from corrections.services.apply import apply
from corrections.services.decide import approve, reject, return_for_rework
from corrections.services.draft import add_change, amend, draft, remove_change
from corrections.services.evidence import attach_evidence, open_original, open_preview, remove_evidence
from corrections.services.hand_over import hand_over
from corrections.services.hold import hold, release
from corrections.services.incident import open_incident
from corrections.services.revert import revert
from corrections.services.rework import rework
from corrections.services.submit import submit
from corrections.services.withdraw import expire, withdraw

__all__ = [
    "add_change",
    "amend",
    "apply",
    "approve",
    "attach_evidence",
    "draft",
    "expire",
    "hand_over",
    "hold",
    "open_incident",
    "open_original",
    "open_preview",
    "reject",
    "release",
    "remove_change",
    "remove_evidence",
    "return_for_rework",
    "revert",
    "rework",
    "submit",
    "withdraw",
]
