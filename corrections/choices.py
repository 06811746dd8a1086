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


class BatchSource(models.TextChoices):
    FILE = "file", _("a file")
    SELECTION = "selection", _("a selection")
    STATEMENT = "statement", _("a data-fix statement")
    REVERT = "revert", _("a batch that is taken back")
    RETRY = "retry", _("failed rows of a batch")


class OnBadRow(models.TextChoices):
    """What happens to the others when one row of a batch can't be applied."""

    FAIL_ALL = "fail_all", _("nothing is applied")
    SKIP = "skip", _("the others are applied")


class RowStage(models.TextChoices):
    STAGING = "staging", _("reading the file")
    CHECK = "check", _("machine check")
    APPLY = "apply", _("apply")


# What became of one row (Change.outcome); anything else is the code of a refusal.
ROW_APPLIED = "applied"


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
    TIER_RAISED = "tier_raised", _("tier raised")
    REKEY_MISSED = "rekey_missed", _("blind re-key missed")
    CHECKED = "checked", _("checked by machine")
    ESCALATED = "escalated", _("escalated")
    REMINDED = "reminded", _("reminded")
    REFERRED = "referred", _("referred to anti-money-laundering")
    BROKEN_GLASS = "broken_glass", _("applied by break-glass")
    COUNTERSIGNED = "countersigned", _("countersigned")
    DELEGATED = "delegated", _("delegated")
    DELEGATION_ENDED = "delegation_ended", _("delegation taken back")
    ROLE_ASKED = "role_asked", _("role asked for")
    ROLE_GIVEN = "role_given", _("role given")
    ROLE_REFUSED = "role_refused", _("role refused")
    ROLE_TAKEN = "role_taken", _("role taken away")
    TOKEN_SET_UP = "token_set_up", _("token set up")
    TOKEN_REMOVED = "token_removed", _("token removed")
    NOBODY_TO_SIGN = "nobody_to_sign", _("too few people can sign")
    ROWS_STAGED = "rows_staged", _("rows read from a file")
    APPLY_BEGUN = "apply_begun", _("being applied")
    PAUSED = "paused", _("paused")
    RESUMED = "resumed", _("resumed")
    PACED = "paced", _("pace set")
    STOP_ASKED = "stop_asked", _("stop asked for")
    STOPPED = "stopped", _("stopped")


class StepScope(models.TextChoices):
    """Where the signer of a step must hold its role."""

    TARGET = "target", _("the record's branch")
    COMPANY = "company", _("the whole company")
    OTHER = "other", _("another branch")


class StepToken(models.TextChoices):
    """Which proof by a one-time password a step asks for."""

    NONE = "none", _("none")
    RECENT = "recent", _("not older than 15 minutes")
    OWN = "own", _("one of its own")


class Cumulate(models.TextChoices):
    """What the amounts of earlier corrections are added up by."""

    MAKER = "maker", _("maker")
    BENEFICIARY = "beneficiary", _("beneficiary")
    TARGET = "target", _("record")
    DAY = "day", _("day")


class Impact(models.TextChoices):
    """What kind of harm a wrong correction of a record can do."""

    MASTER = "master", _("master data")
    MONEY = "money", _("money that leaves")
    CREDIT = "credit", _("credit")
    LEDGER = "ledger", _("ledger")
    EQUITY = "equity", _("equity")
    CONTROL = "control", _("the desk's own controls")


class Acknowledged(models.TextChoices):
    """Preset reasons for which a warning was passed."""

    LOOKED_INTO = "looked_into", _("looked into, in order")
    EVIDENCE = "evidence", _("the evidence explains it")
    ASKED = "asked", _("asked, and answered")
    OTHER = "other", _("other, in words")


class NoticeKind(models.TextChoices):
    TO_DECIDE = "to_decide", _("waits for your signature")
    RETURNED = "returned", _("was returned to you")
    REJECTED = "rejected", _("was rejected")
    APPLIED = "applied", _("was applied")
    FAILED = "failed", _("could not be applied")
    EXPIRED = "expired", _("expired")
    HELD = "held", _("was put on hold")
    REMINDER = "reminder", _("still waits for your signature")
    ESCALATED = "escalated", _("was escalated to you")
    TIER_RAISED = "tier_raised", _("needs more signatures than before")
    NOBODY_TO_SIGN = "nobody_to_sign", _("nobody can sign it: appoint somebody")
    REKEY_MISSED = "rekey_missed", _("was keyed differently three times")
    UNSIGNED_BREAK_GLASS = "unsigned_break_glass", _("was applied by break-glass and is not countersigned")
    ROLE_ASKED = "role_asked", _("a role was asked for and waits for a second person")
    DELEGATED = "delegated", _("a role was delegated to you")
    BATCH_APPLIED = "batch_applied", _("was carried out")
    BATCH_STOPPED = "batch_stopped", _("was stopped after a part of it was applied")
    BATCH_FAILED = "batch_failed", _("was not carried out: no row was applied")


class RoleRequestState(models.TextChoices):
    ASKED = "asked", _("waits for a second person")
    GIVEN = "given", _("given")
    REFUSED = "refused", _("refused")
