"""Puts together what machines can know of one correction: rows, checks, risk flags, amounts, and what policies demand.

Services act on an `Assessment`, selectors show it; nothing here writes or decides.
"""

from __future__ import annotations

from corrections.assessment.assess import Assessment, Raised, assess
from corrections.assessment.failing import failing_in_bulk, failing_rows
from corrections.assessment.in_bulk import InBulk, assess_in_bulk, drained, look_in_bulk
from corrections.assessment.rates import RateMissing, policy_currency

__all__ = [
    "Assessment",
    "InBulk",
    "Raised",
    "RateMissing",
    "assess",
    "assess_in_bulk",
    "drained",
    "failing_in_bulk",
    "failing_rows",
    "look_in_bulk",
    "policy_currency",
]
