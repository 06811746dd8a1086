"""The engine's tables. Rules between rows live in services/ and, where a database can hold them, in triggers."""

from corrections.models.audit import AuditEvent
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
from corrections.models.policy import Policy, PolicyStep

__all__ = [
    "AuditEvent",
    "Change",
    "CheckResult",
    "Contribution",
    "Correction",
    "CorrectionScope",
    "DataKey",
    "Decision",
    "Evidence",
    "EvidenceFile",
    "FieldHold",
    "Incident",
    "Policy",
    "PolicyStep",
    "RegisterNumber",
    "Revision",
]
