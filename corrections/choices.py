"""Enumerations, the words people see for them, and the legal moves between states (DESIGN §4, I-11)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class State(models.TextChoices):
    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("waiting for decision")
    RETURNED = "returned", _("returned")
    APPROVED = "approved", _("approved")
    APPLYING = "applying", _("being applied")
    APPLIED = "applied", _("applied")
    REVERTED = "reverted", _("reverted")
    STOPPED = "stopped", _("stopped")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")
    FAILED = "failed", _("failed")


MOVES: dict[str, tuple[str, ...]] = {
    State.DRAFT: (State.SUBMITTED, State.WITHDRAWN),
    State.SUBMITTED: (State.APPROVED, State.RETURNED, State.REJECTED, State.WITHDRAWN, State.EXPIRED),
    State.RETURNED: (State.SUBMITTED, State.WITHDRAWN, State.EXPIRED),
    State.APPROVED: (
        State.APPLIED,
        State.APPLYING,
        State.RETURNED,
        State.WITHDRAWN,
        State.EXPIRED,
        State.FAILED,
    ),
    State.APPLYING: (State.APPLIED, State.STOPPED, State.FAILED),
    State.APPLIED: (State.REVERTED,),
    State.FAILED: (State.SUBMITTED, State.RETURNED, State.WITHDRAWN),
}

PAIRS: tuple[tuple[str, str], ...] = tuple((str(a), str(b)) for a, targets in MOVES.items() for b in targets)

EDITABLE = (State.DRAFT, State.RETURNED)
# A correction in one of these holds its target fields (I-03).
OPEN = (State.SUBMITTED, State.RETURNED, State.APPROVED, State.APPLYING)


class Action(models.TextChoices):
    UPDATE = "update", _("update")
    CREATE = "create", _("create")
    DELETE = "delete", _("delete")


class Reason(models.TextChoices):
    SYSTEM_DEFECT = "system_defect", _("system defect")
    PROCESS_GAP = "process_gap", _("process gap")
    CUSTOMER_ERROR = "customer_error", _("customer's own error")
    CHANNEL_FAILURE = "channel_failure", _("channel failure")
    OPERATOR_ERROR = "operator_error", _("operator error")
    RECONCILIATION = "reconciliation", _("reconciliation difference")


class Verdict(models.TextChoices):
    PASS = "pass", _("passed")
    WARN = "warn", _("warning")
    FAIL = "fail", pgettext_lazy("check", "failed")


class DecisionKind(models.TextChoices):
    APPROVE = "approve", _("approved")
    RETURN = "return", _("returned")
    REJECT = "reject", _("rejected")


class EvidenceKind(models.TextChoices):
    INCIDENT_NOTICE = "incident_notice", _("incident notice")
    CHANNEL_RECEIPT = "channel_receipt", _("channel receipt")
    RECEIPT = "receipt", _("receipt")
    SCREENSHOT = "screenshot", _("screenshot")
    EMAIL = "email", _("e-mail")
    DOCUMENT = "document", _("document")
    LETTER = "letter", _("customer's letter")
    CUSTOMER_CONSENT = "customer_consent", _("customer's consent")
    STATEMENT = "statement", _("statement or reconciliation")
    APPROVAL = "approval", _("written approval")
    OTHER = "other", _("other")


class ContributionKind(models.TextChoices):
    MADE = "made", _("made")
    EDITED = "edited", _("edited")
    EVIDENCE = "evidence", _("brought evidence")


class Owner(models.TextChoices):
    SYSTEM = "system", _("our system")
    CUSTOMER = "customer", _("declared by the customer")


class Mode(models.TextChoices):
    GUARDED = "guarded", _("guarded")
    RECORDING = "recording", _("recording")


class AuditKind(models.TextChoices):
    DRAFTED = "drafted", _("drafted")
    AMENDED = "amended", _("amended")
    CHANGE_ADDED = "change_added", _("change added")
    CHANGE_REMOVED = "change_removed", _("change removed")
    EVIDENCE_ATTACHED = "evidence_attached", _("evidence attached")
    EVIDENCE_REMOVED = "evidence_removed", _("evidence removed")
    EVIDENCE_OPENED = "evidence_opened", _("evidence opened")
    SUBMITTED = "submitted", _("submitted")
    APPROVED = "approved", _("approved")
    RETURNED = "returned", _("returned")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")
    HELD = "held", _("put on hold")
    RELEASED = "released", _("hold released")
    APPLIED = "applied", _("applied")
    FAILED = "failed", _("failed")
    REVERT_DRAFTED = "revert_drafted", _("revert drafted")
    REVERTED = "reverted", _("reverted")
    EXPORTED = "exported", _("history exported")
    REVEALED = "revealed", _("masked value revealed")
    REFUSED = "refused", _("refused")
    HANDED_OVER = "handed_over", _("handed over")
    INCIDENT_OPENED = "incident_opened", _("incident opened")
