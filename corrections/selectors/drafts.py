"""What stands between a draft and its submission: the machine's checks so far, and what is still missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from corrections import checks
from corrections.choices import Action, EvidenceKind, Owner, Verdict
from corrections.engine import rows
from corrections.errors import CorrectionError
from corrections.models import Change, Decision, Policy
from corrections.policies import match, steps_of
from corrections.registry import registry
from corrections.selectors.sheet import Sheet


@dataclass(frozen=True)
class Verdicts:
    failed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Need:
    """One thing that submission asks for."""

    text: str
    is_met: bool


@dataclass(frozen=True)
class Readiness:
    needs: tuple[Need, ...]
    verdicts: Verdicts
    way: tuple[str, ...]  # who signs afterwards, in order
    wants_consent: bool

    @property
    def is_ready(self) -> bool:
        return all(need.is_met for need in self.needs) and not self.verdicts.failed


def readiness(sheet: Sheet) -> Readiness:
    """What `submit` will ask for, judged on live rows without locking them."""
    correction, changes = sheet.correction, sheet.raw_changes
    kinds = [item.kind_code for item in sheet.evidence]
    verdicts = _verdicts(sheet)
    try:
        policy = match()
    except CorrectionError as error:
        return Readiness((Need(str(error), False),), verdicts, (), False)
    declared = [] if correction.reverts_id else _declared(changes)
    needs = [
        Need(_("at least one record"), bool(changes)),
        _evidence(len(kinds), policy.evidence_min),
    ]
    if declared:
        text = _("the customer's consent as evidence, for: %(fields)s") % {"fields": ", ".join(declared)}
        needs.append(Need(text, EvidenceKind.CUSTOMER_CONSENT in kinds))
    return Readiness(tuple(needs), verdicts, tuple(_way(policy)), bool(declared))


def _evidence(count: int, least: int) -> Need:
    if count < least:
        return Need(_("evidence %(count)s of %(least)s") % {"count": count, "least": least}, False)
    return Need(_("evidence: %(count)s") % {"count": count}, True)


def _way(policy: Policy) -> list[str]:
    return [
        str(step.get_role_display()) if step.people == 1 else f"{step.people} × {step.get_role_display()}"
        for step in steps_of(policy)
    ]


def _declared(changes: Sequence[Change]) -> list[str]:
    """Fields declared by a customer that staff typed."""
    found: dict[str, None] = {}
    for change in changes:
        entry = registry.get(change.target_model)
        for name in rows.fields_of(entry, change.new) if entry is not None else ():
            spec = entry.fields.get(name) if entry is not None else None
            typed = change.action == Action.UPDATE or any(change.new.get(column) for column in entry.columns(name))  # type: ignore[union-attr]
            if spec is not None and spec.owner == Owner.CUSTOMER and typed:
                found[entry.verbose_name(name)] = None  # type: ignore[union-attr]
    return list(found)


def _verdicts(sheet: Sheet) -> Verdicts:
    if not sheet.raw_changes:
        return Verdicts()
    said: dict[str, list[str]] = {verdict: [] for verdict in Verdict.values}
    for _code, finding in checks.run(_subject(sheet)):
        said[finding.verdict].append(str(finding.message))
    return Verdicts(tuple(said[Verdict.FAIL]), tuple(said[Verdict.WARN]), tuple(said[Verdict.PASS]))


def _subject(sheet: Sheet) -> checks.Subject:
    """The live rows, and which of them moved."""
    live: dict[int, Any] = {}
    stale: dict[int, str] = {}
    for change in sheet.raw_changes:
        entry = registry.get(change.target_model)
        if change.action == Action.CREATE or entry is None:
            continue
        row = live[change.pk] = sheet.live.get((change.target_model, change.target_pk))
        try:
            rows.demand_unchanged(entry, change, row)
        except CorrectionError as error:
            stale[change.pk] = str(error)
    return checks.Subject(sheet.correction, sheet.raw_changes, live, stale)


def returned_with(sheet: Sheet) -> Decision | None:
    """The decision that sent the correction back last, or None."""
    return None if sheet.correction.number is None else sheet.return_of(sheet.correction.revision)
