"""The short lists that hang on one correction, read from their four tables in one query."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import BigIntegerField, CharField, F, QuerySet, TextField, Value
from django.db.models.functions import Cast

from corrections.checks import for_the_reader
from corrections.models import CheckResult, Contribution, Correction, CorrectionScope, PolicyStep
from corrections.roles import Role

_text = partial(Value, output_field=CharField())
_number = partial(Value, output_field=BigIntegerField())


@dataclass(frozen=True)
class Scope:
    key: str
    label: str

    def __str__(self) -> str:
        return self.label or "*"


@dataclass(frozen=True)
class Step:
    position: int
    role: str
    people: int

    @property
    def role_label(self) -> str:
        return str(Role(self.role).label)


@dataclass(frozen=True)
class Verdict:
    """What a machine found in the present revision."""

    verdict: str
    check_code: str
    message: str


@dataclass(frozen=True)
class Facts:
    scopes: tuple[Scope, ...]
    contributors: frozenset[int]
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...]


def facts_of(correction: Correction) -> Facts:
    """Scopes by label, people who contributed, steps of the policy and verdicts in order."""
    parts = [
        _rows("scope", CorrectionScope.objects.filter(correction=correction), "label", "key"),
        _rows("person", Contribution.objects.filter(correction=correction), m="person_id"),
        _rows("step", PolicyStep.objects.filter(policy=correction.policy_id or 0), "role", m="position", n="people"),
        _rows(
            "verdict",
            CheckResult.objects.filter(correction=correction, revision=correction.revision),
            *("verdict", "check_code", "message", Cast("looked_at", TextField())),
            m="id",
        ),
    ]
    found: dict[str, list[Any]] = {"scope": [], "person": [], "step": [], "verdict": []}
    for what, a, b, c, d, m, n in sorted(parts[0].union(*parts[1:], all=True), key=lambda row: (row[5], row[1])):
        found[what].append((a, b, c, d, m, n))
    return Facts(
        scopes=tuple(Scope(key, label) for label, key, _c, _d, _m, _n in found["scope"]),
        contributors=frozenset(person for _a, _b, _c, _d, person, _n in found["person"]),
        steps=tuple(Step(position, role, people) for role, _b, _c, _d, position, people in found["step"]),
        verdicts=tuple(
            Verdict(verdict, code, for_the_reader(message, json.loads(looked_at)))
            for verdict, code, message, looked_at, _m, _n in found["verdict"]
        ),
    )


def _rows(what: str, rows: QuerySet[Any], *texts: Any, m: str = "", n: str = "") -> QuerySet[Any, Any]:
    """Rows of one table in the columns that all four share: what it is, four texts, two numbers."""
    columns = [F(text) if isinstance(text, str) else text for text in texts] + [_text("")] * (4 - len(texts))
    numbers = [F(name) if name else _number(0) for name in (m, n)]
    return rows.order_by().values_list(_text(what), *columns, *numbers)
