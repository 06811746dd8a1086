"""Approval policies: the shipped ones installed where there is none; every change of them is a correction (DESIGN §5).

A version is never edited. What is drafted here adds the next one with its steps and puts the present one out of force,
all in one correction, which another policy administrator signs, and whoever else the policy of the controls asks for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from corrections.checks.known import words
from corrections.choices import Action
from corrections.engine import gate
from corrections.errors import InvalidInput
from corrections.models import Correction, ExchangeRate, FlagRule, Policy, PolicyStep
from corrections.policies import steps_of
from corrections.policies.sound import LISTS, Problem, problems
from corrections.services.draft import add_change, draft

PROFILES = ("standard", "lite")
RATES_VALID_FROM = dt.date(2026, 1, 1)


class ProfileUnknown(InvalidInput):
    code = "policy_profile_unknown"
    message = _("There is no such set of policies. Choose one of: %(known)s.")


class PolicyUnsound(InvalidInput):
    """A version that could not be carried out. `code` says in which way, `field` names the column."""

    code = "policy_can_never_be_signed"


class PolicyOutOfForce(InvalidInput):
    code = "policy_is_not_in_force"
    message = _("%(policy)s is no longer in force. Start from the version that is.")


# What a version says itself; its number, its being in force and its key are given to it.
COLUMNS: tuple[str, ...] = tuple(
    field.name for field in Policy._meta.concrete_fields if field.name not in ("id", "version", "is_active")
)
RULE_COLUMNS = ("is_active", "raises_tier", "is_hidden_from_maker", "window_days", "threshold")
STEP_COLUMNS = ("role", "people", "scope", "token", "is_rekeying", "escalates_to")


def draft_policy_version(
    *,
    actor: Any,
    policy: Policy | None,
    values: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]] | None = None,
    reason: str,
    note: str,
    ticket: str = "",
) -> Correction:
    """Drafts the correction that adds the next version of `policy`, or the first of a new one.

    `values` are columns of Policy by name; with `policy` those that are not given stay as they are there, and so do
    the steps where they are None. Raises PolicyUnsound, whose code says what is wrong, and what `draft` raises.
    """
    with transaction.atomic():
        old = None if policy is None else _in_force(policy)
        columns = {**({} if old is None else _columns_of(old)), **values}
        rows = [dict(step) for step in ([] if steps is None else steps)]
        if steps is None and old is not None:
            rows = [{name: getattr(step, name) for name in STEP_COLUMNS} for step in steps_of(old)]
        version = _next_version(columns.get("name"))
        _demand_sound(columns, rows)
        correction = _draft_creates(actor, {**columns, "version": version}, rows, reason, note, ticket)
        if old is not None:
            _put_out(actor, correction, old)
    return correction


def draft_policy_retirement(*, actor: Any, policy: Policy, reason: str, note: str, ticket: str = "") -> Correction:
    """Drafts the correction that puts a version out of force, without another in its place."""
    with transaction.atomic():
        old = _in_force(policy)
        return draft(
            actor=actor,
            target=old,
            action=Action.UPDATE,
            values={"is_active": False},
            reason=reason,
            note=note,
            ticket=ticket,
        )


def _in_force(policy: Any) -> Policy:
    """The stored version; whatever else stands on the caller's instance doesn't count."""
    found = Policy.objects.filter(pk=policy.pk).first() if isinstance(policy, Policy) and policy.pk else None
    if found is None or not found.is_active:
        raise PolicyOutOfForce(policy=str(found or _("This policy")))
    return found


def _columns_of(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in COLUMNS}


def _next_version(name: Any) -> int:
    last = Policy.objects.filter(name=name).aggregate(last=Max("version"))["last"] if isinstance(name, str) else None
    return int(last or 0) + 1


def _demand_sound(columns: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> None:
    """The first thing that is wrong with a version, before anything of it is drafted."""
    unknown = set(columns) - set(COLUMNS)
    if unknown or any(set(step) - set(STEP_COLUMNS) for step in steps):
        _refuse(
            Problem(
                code="policy_column_unknown",
                field="",
                message=_("A policy has no such column: %(what)s."),
                values=_what(unknown),
            )
        )
    rows = [_read(PolicyStep, {"position": place, **step}) for place, step in enumerate(steps, start=1)]
    found = problems(_read(Policy, columns), rows, words())
    if found:
        _refuse(found[0])


def _what(names: Iterable[str]) -> dict[str, str]:
    return {"what": ", ".join(sorted(map(str, names)))}


def _read(model: Any, columns: Mapping[str, Any]) -> Any:
    """An unsaved row as its columns read what was given; what they can't read, `draft` refuses by name."""
    row = model()
    for name, value in columns.items():
        try:
            setattr(row, name, model._meta.get_field(name).to_python(value))
        except (ValidationError, ArithmeticError, ValueError, TypeError):
            continue
    return row


def _refuse(problem: Problem) -> None:
    raise PolicyUnsound(str(problem).replace("%", "%%"), code=problem.code, field=problem.field)


def _draft_creates(
    actor: Any, columns: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], reason: str, note: str, ticket: str
) -> Correction:
    """The version first, then its steps, which refer to it."""
    correction = draft(
        actor=actor, model=Policy, action=Action.CREATE, values=columns, reason=reason, note=note, ticket=ticket
    )
    _add_steps(actor, correction, steps)
    return correction


def _add_steps(actor: Any, correction: Correction, steps: Sequence[Mapping[str, Any]]) -> None:
    made = correction.changes.filter(action=Action.CREATE, target_model=Policy._meta.label_lower).latest("position")
    for place, step in enumerate(steps, start=1):
        values = {"policy": made, "position": place, **step}
        add_change(actor=actor, correction=correction, model=PolicyStep, action=Action.CREATE, values=values)


def _put_out(actor: Any, correction: Correction, policy: Policy) -> None:
    add_change(actor=actor, correction=correction, target=policy, action=Action.UPDATE, values={"is_active": False})


# The shipped ones


def draft_profile(*, actor: Any, profile: str, reason: str, note: str, ticket: str = "") -> Correction | None:
    """Drafts the one correction that brings a shipped profile into force in place of all that is; None if it is.

    Versions that say the same stay; rules of risk flags and rates are brought in line as well.
    """
    data = shipped(profile)
    with transaction.atomic():
        present = list(Policy.objects.filter(is_active=True).prefetch_related("steps"))
        wanted = [dict(row) for row in data["policies"] if row.get("is_active", True)]
        kept = [policy for policy in present if _said(policy) in [_as_said(row) for row in wanted]]
        said = [_said(policy) for policy in kept]
        script = _Script(actor, reason, note, ticket)
        for row in wanted:
            if _as_said(row) not in said:
                steps = row.pop("steps")
                script.add_version(row, steps)
        for policy in present:
            if policy not in kept:
                script.change(target=policy, action=Action.UPDATE, values={"is_active": False})
        script.bring_rules(data["flags"])
        script.bring_rates(data["rates"])
        return script.correction


class _Script:
    """One draft that grows change by change."""

    def __init__(self, actor: Any, reason: str, note: str, ticket: str) -> None:
        self.actor = actor
        self.texts: dict[str, Any] = {"reason": reason, "note": note, "ticket": ticket}
        self.correction: Correction | None = None

    def change(self, **what: Any) -> None:
        if self.correction is None:
            self.correction = draft(actor=self.actor, **what, **self.texts)
        else:
            add_change(actor=self.actor, correction=self.correction, **what)

    def add_version(self, row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> None:
        values = {**row, "version": _next_version(row["name"])}
        self.change(model=Policy, action=Action.CREATE, values=values)
        assert self.correction is not None  # noqa: S101 - just drafted
        _add_steps(self.actor, self.correction, steps)

    def bring_rules(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Rules of risk flags as they are shipped; those that the profile doesn't know go out of force."""
        wanted = {rule["code"]: _read(FlagRule, rule) for rule in rules}
        present = {rule.code: rule for rule in FlagRule.objects.order_by("code")}
        for code, rule in present.items():
            fresh = wanted.get(code)
            said = {"is_active": False} if fresh is None else {name: getattr(fresh, name) for name in RULE_COLUMNS}
            new = {name: value for name, value in said.items() if getattr(rule, name) != value}
            if new:
                self.change(target=rule, action=Action.UPDATE, values=new)
        for code in sorted(set(wanted) - set(present)):
            values = {name: getattr(wanted[code], name) for name in ("code", *RULE_COLUMNS)}
            self.change(model=FlagRule, action=Action.CREATE, values=values)

    def bring_rates(self, rates: Iterable[tuple[str, str]]) -> None:
        """Rates of currencies that have none yet; others move on by themselves."""
        known = set(ExchangeRate.objects.values_list("currency", flat=True))
        for currency, rate in rates:
            if currency not in known:
                values = {"currency": currency, "rate": rate, "valid_from": RATES_VALID_FROM}
                self.change(model=ExchangeRate, action=Action.CREATE, values=values)


Said = tuple[Any, ...]


def _said(policy: Policy) -> Said:
    """What a version says, in a form in which two can be compared."""
    columns = tuple(sorted(value) if name in LISTS else value for name, value in _columns_of(policy).items())
    return columns, tuple(tuple(getattr(step, name) for name in STEP_COLUMNS) for step in steps_of(policy))


def _as_said(row: Mapping[str, Any]) -> Said:
    policy = _read(Policy, {name: value for name, value in row.items() if name != "steps"})
    columns = tuple(sorted(value) if name in LISTS else value for name, value in _columns_of(policy).items())
    steps = [_read(PolicyStep, step) for step in row.get("steps", ())]
    return columns, tuple(tuple(getattr(step, name) for name in STEP_COLUMNS) for step in steps)


def shipped(profile: str) -> dict[str, Any]:
    """The policies, flag rules and rates of a shipped profile. Raises ProfileUnknown."""
    if profile not in PROFILES:
        raise ProfileUnknown(known=", ".join(PROFILES))
    path = Path(settings.BASE_DIR) / "fixtures" / "policies" / f"{profile}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def install_shipped(*, actor: Any, profile: str = "standard") -> list[Policy]:
    """Adds the policies of a profile, its flag rules and rates, where there is no policy at all; gives what was added.

    Never touches what exists, in force or not: from then on a change is a correction.
    """
    data = shipped(profile)
    if Policy.objects.exists():
        return []
    with gate.opened(actor=actor, reason="shipped policies"):
        added = _install(data["policies"])
        _install_rules(data["flags"])
        _install_rates(data["rates"])
    return added


def _install(shipped_rows: Sequence[Mapping[str, Any]]) -> list[Policy]:
    plain = [{name: value for name, value in row.items() if name != "steps"} for row in shipped_rows]
    policies = Policy.objects.bulk_create(Policy(**row) for row in plain)
    PolicyStep.objects.bulk_create(
        PolicyStep(policy=policy, position=position, **step)
        for policy, row in zip(policies, shipped_rows, strict=True)
        for position, step in enumerate(row["steps"], start=1)
    )
    return list(Policy.objects.filter(pk__in=[policy.pk for policy in policies]).order_by("pk"))


def _install_rules(rules: Iterable[Mapping[str, Any]]) -> None:
    known = set(FlagRule.objects.values_list("code", flat=True))
    FlagRule.objects.bulk_create(FlagRule(**rule) for rule in rules if rule["code"] not in known)


def _install_rates(rates: Iterable[tuple[str, str]]) -> None:
    known = set(ExchangeRate.objects.values_list("currency", flat=True))
    ExchangeRate.objects.bulk_create(
        ExchangeRate(currency=currency, rate=rate, valid_from=RATES_VALID_FROM)
        for currency, rate in rates
        if currency not in known
    )
