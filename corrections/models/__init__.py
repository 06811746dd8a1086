"""The engine's tables. Rules between rows live in services/ and, where a database can hold them, in triggers."""

from corrections.models.audit import AuditEvent
from corrections.models.batch import Batch, Chunk, RowFinding
from corrections.models.change import Change
from corrections.models.correction import (
    Contribution,
    Correction,
    CorrectionScope,
    FieldHold,
    RegisterNumber,
    Revision,
)
from corrections.models.datakey import DataKey
from corrections.models.decision import CheckResult, Decision
from corrections.models.evidence import Evidence, EvidenceFile
from corrections.models.incident import Incident
from corrections.models.notice import ClockMark, Notice, RoleRequest
from corrections.models.policy import CalendarDay, ExchangeRate, FlagRule, Policy, PolicyStep
from corrections.models.signing import CorrectionStep, Delegation, Rekeying

__all__ = [
    "AuditEvent",
    "Batch",
    "CalendarDay",
    "Change",
    "CheckResult",
    "Chunk",
    "ClockMark",
    "Contribution",
    "Correction",
    "CorrectionScope",
    "CorrectionStep",
    "DataKey",
    "Decision",
    "Delegation",
    "Evidence",
    "EvidenceFile",
    "ExchangeRate",
    "FieldHold",
    "FlagRule",
    "Incident",
    "Notice",
    "Policy",
    "PolicyStep",
    "RegisterNumber",
    "Rekeying",
    "Revision",
    "RoleRequest",
    "RowFinding",
]
