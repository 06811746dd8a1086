"""What stands between a draft and its submission: the machine's checks so far, what policies demand, what is missing.

Of risk flags that are hidden from the maker nothing is told here, neither by name nor by the steps that they add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from corrections.assessment import Assessment, assess, policy_currency
from corrections.assessment.keyed import fields_to_key
from corrections.checks import for_the_reader, title_of
from corrections.choices import Action, EvidenceKind, OnBadRow, Owner, Verdict
from corrections.conf import limits
from corrections.engine import rows
from corrections.errors import CorrectionError
from corrections.models import Change, CheckResult, Decision
from corrections.policies import Demand, Match, match, together
from corrections.registry import registry
from corrections.selectors.batches import BatchSheet
from corrections.selectors.blind import Blind
from corrections.selectors.sheet import Sheet
from corrections.selectors.signers import StepSigners, is_enough, signers
from corrections.selectors.stake import Stake, stake_of
from corrections.selectors.way import WayStep


@dataclass(frozen=True)
class Said:
    """What one check says; a warning is answered by the check's code."""

    code: str
    title: str
    text: str
    needs_words: bool = False  # the policy isn't content with a preset reason

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Verdicts:
    failed: tuple[Said, ...] = ()
    warned: tuple[Said, ...] = ()
    passed: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Need:
    """One thing that submission asks for."""

    text: str
    is_met: bool


@dataclass(frozen=True)
class Tier:
    """What the policies that hold demand, and by what they were chosen."""

    steps: tuple[WayStep, ...] = ()
    policies: tuple[str, ...] = ()
    flags: tuple[Said, ...] = ()
    stake: Stake | None = None
    keyed: tuple[str, ...] = ()  # fields that the approver keys blindly
    sample_rows: int = 0  # drawn at random of a batch, that each approver confirms one by one
    cool_off_hours: int = 0
    needs_executor: bool = False
    has_too_few: bool = False  # people who could sign, over all steps


@dataclass(frozen=True)
class Readiness:
    needs: tuple[Need, ...]
    verdicts: Verdicts = Verdicts()
    tier: Tier | None = None
    wants_consent: bool = False
    is_looked_at: bool = False  # of a batch: by machine, as it stands

    @property
    def is_ready(self) -> bool:
        return all(need.is_met for need in self.needs) and not self.verdicts.failed


def readiness(sheet: Sheet) -> Readiness:
    """What `submit` will ask for, judged on live rows without locking them; of a batch, what was found last."""
    if sheet.batch is not None:
        return _of_batch(sheet, sheet.batch)
    changes = sheet.raw_changes
    if not changes:
        return Readiness((Need(_("at least one record"), False), _evidence(len(sheet.evidence), 1)))
    try:
        found = _assessed(sheet)
        held = match_told(found)
    except CorrectionError as refusal:  # no rate, or no policy: nobody could approve it
        return Readiness((Need(str(refusal), False),))
    demand = together(held.ruled)
    declared = [] if sheet.correction.reverts_id else _declared(changes)
    needs = [Need(_("at least one record"), True), *_evidence_of(sheet, demand)]
    if declared:
        text = _("the customer's consent as evidence, for: %(fields)s") % {"fields": ", ".join(declared)}
        has_consent = any(item.kind_code == EvidenceKind.CUSTOMER_CONSENT for item in sheet.evidence)
        needs.append(Need(text, has_consent))
    if sheet.rights.person_id in found.barred:
        needs.append(Need(_("another person: you booked, reconciled or own this record"), False))
    return Readiness(
        tuple(needs), _verdicts(found, demand, sheet.blind), _tier(sheet, found, held, demand), bool(declared)
    )


def _of_batch(sheet: Sheet, found: BatchSheet) -> Readiness:
    """Too many rows to be judged while a browser waits: what the last check of the whole batch found."""
    batch, results = found.batch, _last_checked(sheet)
    asks = batch.totals.get("asks")
    demand = Demand.from_json(asks) if asks else sheet.demand
    needs = [Need(_("at least one row that changes something"), found.changes > 0)]
    if batch.bad_rows:
        text = ngettext(
            "%(count)s bad row: upload it corrected, or choose that it stays out",
            "%(count)s bad rows: upload them corrected, or choose that they stay out",
            batch.bad_rows,
        )
        needs.append(Need(text % {"count": batch.bad_rows}, batch.on_bad_row == OnBadRow.SKIP))
    needs += _evidence_of(sheet, demand)
    needs.append(Need(_("all rows looked at by machine"), bool(results)))
    said: dict[str, list[Said]] = {verdict: [] for verdict in Verdict.values}
    for result in results:
        text = for_the_reader(result.message, result.looked_at)
        said[result.verdict].append(Said(result.check_code, title_of(result.check_code), text))
    verdicts = Verdicts(*(tuple(said[one]) for one in (Verdict.FAIL, Verdict.WARN, Verdict.PASS)))
    tier = _tier_of_batch(sheet, demand, asks["policies"]) if asks else None
    return Readiness(tuple(needs), verdicts, tier, is_looked_at=bool(results))


def _tier_of_batch(sheet: Sheet, demand: Demand, policies: Iterable[str]) -> Tier:
    """Who must sign, and by name who can, by what was demanded when machines looked last."""
    keys = set(sheet.correction.scopes.values_list("key", flat=True))
    excluded = {sheet.rights.person_id or 0, sheet.correction.maker_person_id, *sheet.facts.contributors}
    able = signers(demand, keys, excluded)
    return Tier(
        steps=tuple(_step(one) for one in able),
        policies=tuple(policies),
        sample_rows=min(demand.sample_rows, sheet.record_count),
        cool_off_hours=demand.cool_off_hours,
        needs_executor=not demand.is_applied_with_approval,
        has_too_few=not is_enough(able),
    )


def _last_checked(sheet: Sheet) -> list[CheckResult]:
    """What machines said when they looked at this draft last; of hidden flags nothing."""
    results = CheckResult.objects.filter(correction=sheet.correction, moment="draft", is_flag=False)
    found = list(results.order_by("-at", "id")[: limits.FLAG_COUNTS_MAX])
    return [one for one in found if one.at == found[0].at]


def _assessed(sheet: Sheet) -> Assessment:
    """What machines say of the draft now, whatever an earlier revision was pinned to."""
    correction = sheet.correction
    pinned, correction.demand = correction.demand, {}
    try:
        return assess(correction, sheet.raw_changes, at=timezone.now(), is_locking=False, with_external=True)
    finally:
        correction.demand = pinned


def match_told(found: Assessment) -> Match:
    """The policies that hold, but for those that a hidden flag adds. Raises NoPolicy."""
    told = {item.flag.code for item in found.flags if not item.rule.is_hidden_from_maker}
    return match(replace(found.case, flags=found.case.flags & told), found.policies)


def _evidence_of(sheet: Sheet, demand: Demand) -> list[Need]:
    """So many pieces, and one of each kind that is asked for."""
    kinds, names = [item.kind_code for item in sheet.evidence], dict(EvidenceKind.choices)
    asked = [Need(str(names.get(kind, kind)), kind in kinds) for kind in demand.evidence_kinds]
    return [_evidence(len(kinds), max(1, demand.evidence_min)), *asked]


def _evidence(count: int, least: int) -> Need:
    if count < least:
        return Need(_("evidence %(count)s of %(least)s") % {"count": count, "least": least}, False)
    return Need(_("evidence: %(count)s") % {"count": count}, True)


def _tier(sheet: Sheet, found: Assessment, held: Match, demand: Demand) -> Tier:
    keys = {key for change in sheet.raw_changes for key in (change.scope_before, change.scope_after)}
    excluded = {sheet.rights.person_id or 0, sheet.correction.maker_person_id, *sheet.facts.contributors, *found.barred}
    able = signers(demand, keys, excluded)
    told = [item for item in found.flags if not item.rule.is_hidden_from_maker]
    earlier = {f"{by}:{days}": value for (by, days), value in found.case.earlier.items()}
    return Tier(
        steps=tuple(_step(one) for one in able),
        policies=tuple(str(ruled.policy) for ruled in held.ruled),
        flags=tuple(Said(one.flag.code, str(one.flag.title), str(one.finding.message)) for one in told),
        stake=stake_of(found.case.amount, policy_currency(), found.rates, earlier),
        keyed=tuple(dict.fromkeys(_keyed(demand, sheet.raw_changes))),
        cool_off_hours=demand.cool_off_hours,
        needs_executor=not demand.is_applied_with_approval,
        has_too_few=not is_enough(able),
    )


def _step(one: StepSigners) -> WayStep:
    return WayStep(one.step, can_sign=one.names, is_short=len({who.person_id for who in one.signers}) < one.step.people)


def _keyed(demand: Demand, changes: Sequence[Change]) -> Iterable[str]:
    if any(step.is_rekeying for step in demand.steps):
        for _change, entry, name in fields_to_key(demand.rekey_fields, changes):
            yield entry.verbose_name(name)


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


def _verdicts(found: Assessment, demand: Demand, hidden: Blind) -> Verdicts:
    if found.refusal is not None:
        return Verdicts(failed=(Said(found.refusal.code, "", hidden.clean(str(found.refusal))),))
    said: dict[str, list[Said]] = {verdict: [] for verdict in Verdict.values}
    for check, finding in found.findings:
        needs_words = check.code in demand.worded_checks
        text = hidden.clean(str(finding.message))
        said[finding.verdict].append(Said(check.code, str(check.title), text, needs_words))
    return Verdicts(tuple(said[Verdict.FAIL]), tuple(said[Verdict.WARN]), tuple(said[Verdict.PASS]))


def returned_with(sheet: Sheet) -> Decision | None:
    """The decision that sent the correction back last, or None."""
    return None if sheet.correction.number is None else sheet.return_of(sheet.correction.revision)
