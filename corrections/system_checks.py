"""Checks of the engine itself: limits, keys and settings it can't start without, and policies that leave gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, router, transaction

from corrections.conf import unusable
from corrections.protection.checks import check_evidence_root, check_keys, check_secret_fields


def check_limits(**kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"CORRECTIONS_{name} must be a whole number above zero.", id="corrections.E001") for name in unusable()
    ]


def check_person_model(**kwargs: Any) -> list[CheckMessage]:
    label = getattr(settings, "CORRECTIONS_PERSON_MODEL", "")
    try:
        apps.get_model(label)
    except (LookupError, ValueError):
        return [Error("CORRECTIONS_PERSON_MODEL must name the model of people.", id="corrections.E002")]
    return []


def check_policies(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """For `check --database default`: what the policies in force leave open. Silent before the tables are made."""
    from corrections.models import Policy

    using = router.db_for_read(Policy)
    if using not in (databases or ()):
        return []
    try:
        with transaction.atomic(using):
            return list(_about_policies())
    except DatabaseError:  # no table yet, or of an older release: `migrate` comes first
        return []


def _about_policies() -> Iterator[CheckMessage]:
    from corrections.checks.controls import report
    from corrections.checks.known import words
    from corrections.policies import in_force
    from corrections.policies.sound import problems

    policies = in_force()
    if not policies:
        yield _warning("W101", "There is no approval policy, so nothing can be approved.", "manage.py install_policies")
        return
    found = report(policies)
    gaps = [f"{gap.model} {gap.action} from {gap.amount_from:f}{_few(gap.rows_below)}" for gap in found.gaps]
    vain = sorted({str(one.policy) for one in found.shadowed})
    flags = {code for _ruled, code in (*found.unknown_flags, *found.silent_flags)} | set(found.unheard_flags)
    orders = [f"{one.winner.policy} and {one.loser.policy}" for one in found.overlaps if one.is_by_name]
    known = words()
    unsound = [f"{r.policy}: {p.code}" for r in policies for p in problems(r.policy, r.steps, known)]
    for number, names, said in (
        ("W102", gaps, "No approval policy matches"),
        ("W103", vain, "These approval policies never hold, since others come first"),
        ("W104", sorted(flags), "Policies and rules don't agree about these risk flags"),
        ("W105", orders, "Of the same priority, so that only their names decide which holds"),
        ("W106", unsound, "These approval policies can't be carried out as they stand"),
    ):
        if names:
            yield _warning(number, f"{said}: {'; '.join(names[:NAMED_MAX])}.", "the page “Policies” in the admin")


def _few(rows_below: int | None) -> str:
    return "" if rows_below is None else f" (fewer than {rows_below} rows)"


NAMED_MAX = 10


def _warning(number: str, said: str, see: str) -> CheckMessage:
    return checks.Warning(said, hint=f"See {see}.", id=f"corrections.{number}")


def register_checks() -> None:
    register(check_limits)
    register(check_person_model)
    register(check_keys)
    register(check_evidence_root)
    register(check_secret_fields)
    register(check_policies, Tags.database)
