"""How to reach every address of the site: its arguments, and what a POST that means it would send.

An address is called by its name, or by its route where it has none. A variant (`name@variant`) is the same address
with another object or another body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.models import User
from corrections.admin import _seen
from corrections.permissions import rights_of, scope_key
from corrections.registry import registry
from corrections.roles import DECIDING_ROLES
from tests.corrections.services.desk import evidence_file
from tests.factories.staff import PASSWORD
from tests.matrix.world import World

WHY = {"reason": "system_defect", "note": "The mapping wrote the wrong bank code.", "ticket": "T-1"}
NEW_PASSWORD = "another long passphrase"

ANOTHER = "accounts.loan"  # a second record for a correction
MANY = "accounts.payout"  # records that are corrected together

# The state in which a correction must be for the verb to mean anything.
STATE_FOR = {
    "change": "submitted",
    "release": "held",
    "apply": "approved",
    "rework": "failed",
    "revert": "applied",
    **dict.fromkeys(["rows", "findings", "results"], "batch_submitted"),
    **dict.fromkeys(["replace_rows", "check"], "batch"),
    **dict.fromkeys(["progress", "pause", "stop", "pace"], "applying"),
    "resume": "paused",
    "retry": "stopped",
    **dict.fromkeys(["amend", "submit", "add_change", "remove_change", "attach", "remove_evidence"], "draft"),
}

# A new value for one field of each model: one that staff may type.
NEW_VALUES: Mapping[str, dict[str, str]] = {
    "accounts.customer": {"status": "blocked"},
    "accounts.bankcard": {"bank_code": "CMB"},
    "accounts.ledgeraccount": {"status": "dormant"},
    "accounts.accountholder": {"account": "{account}"},
    "accounts.loanapplication": {"decision": "voided"},
    "accounts.loan": {"term_months": "24"},
    "accounts.repayment": {"status": "void"},
    "accounts.payout": {"counterparty_bank": "CMB"},
    "accounts.journalentry": {"description": "Another one"},
    "accounts.posting": {"amount": "1.00"},
    "accounts.staffcard": {"is_active": "False"},
    "sandbox.parcel": {"address": "New Street 2"},
    "sandbox.label": {"text": "heavy"},
    "sandbox.reading": {"value": "2"},
    "taggit.tag": {"name": "later"},
    "corrections.policy": {"priority": "910"},
    "corrections.policystep": {"people": "2"},
    "corrections.flagrule": {"window_days": "60"},
    "corrections.exchangerate": {"rate": "1.5"},
    "corrections.calendarday": {"note": "Stock-taking"},
}

# A whole new record of each model of which records may be missing.
NEW_RECORDS: Mapping[str, dict[str, str]] = {
    "accounts.accountholder": {"account": "{account}"},
    "accounts.repayment": {
        "reference": "RP-NEW",
        "loan": "{loan}",
        "due_on": "2026-11-04",
        "paid_on": "2026-11-04",
        "amount": "10.00",
        "currency": "CNY",
        "status": "posted",
    },
    "accounts.journalentry": {
        "reference": "JE-NEW",
        "branch": "{branch}",
        "booked_on": "2026-11-20",
        "kind": "deposit",
        "currency": "CNY",
    },
    "accounts.posting": {
        "entry": "{entry}",
        "account": "{account}",
        "side": "debit",
        "amount": "1.00",
        "currency": "CNY",
    },
    "sandbox.parcel": {"address": "New Street 2"},
    "sandbox.label": {"text": "heavy", "parcel": "{parcel}"},
    "taggit.tag": {"name": "later", "slug": "later"},
    "corrections.policy": {"name": "another", "version": "1", "priority": "950"},
    "corrections.policystep": {"policy": "{policy}", "position": "9", "role": "checker"},
    "corrections.flagrule": {"code": "another_flag"},
    "corrections.exchangerate": {"currency": "AUD", "valid_from": "2026-12-01", "rate": "4.7"},
    "corrections.calendarday": {"day": "2027-01-01", "is_working": "False"},
}

# A policy as its own form sends it.
NEXT_VERSION = {
    "name": "four eyes",
    "priority": "900",
    "evidence_min": "2",
    "cumulate_days": "0",
    "rows_from": "0",
    "sample_rows": "0",
    "is_applied_with_approval": "on",
    "step_1_role": "checker",
    **dict.fromkeys(
        ("reminder_hours", "escalation_hours", "cool_off_hours", "decide_hours", "apply_hours", "rework_hours"), "0"
    ),
    "step_1_scope": "target",
    "step_1_token": "none",
}


def site_addresses() -> dict[str, str]:
    """Every address that the site answers: its key, and its route."""
    found: dict[str, str] = {}
    for name, route in _walk(get_resolver().url_patterns, "", ""):
        key = name if name and not name.endswith(":") else f"/{route}"
        assert key not in found, f"{key} is the name of two addresses"
        found[key.removeprefix("admin:")] = route
    return found


def _walk(patterns: Any, route: str, namespace: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        here = f"{route}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name or ''}", here
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, here, inner)


def address(world: World, key: str, subject: str, visitor: User | None) -> str:
    """The path of an address about a subject ("here", "there", "self" …), as this visitor would ask for it."""
    key, _, variant = key.partition("@")
    if key.startswith("/"):
        return _unnamed(world, key, subject, visitor)
    if key == "app_list":
        return reverse("admin:app_list", args=[subject])
    name = key if key in {"home", "choose_language"} else f"admin:{key}"
    return reverse(name, args=_arguments(world, key, subject, visitor, variant)) + _query(world, key, subject)


def _unnamed(world: World, key: str, subject: str, visitor: User | None) -> str:
    """Django's old addresses of a change page, and the end of the list that answers everything else."""
    if "<path:object_id>" not in key:
        return "/admin/there/is/no/such/page/"
    page = key.removeprefix("/admin/").removesuffix("/<path:object_id>/").replace("/", "_") + "_change"
    return address(world, page, subject, visitor).removesuffix("change/")


def _query(world: World, key: str, subject: str) -> str:
    if key == "autocomplete":
        return "?app_label=staff&model_name=user&field_name=person&term=st"
    if key == "corrections_correction_add_change":
        return f"?model={ANOTHER}&pk={_pk(world.place(subject), ANOTHER)}&action=update"
    if key in {"corrections_batch_template", "corrections_batch_rule"}:
        return f"?model={MANY}&format=csv&pk={_pk(world.here, MANY)}"
    if key == "corrections_policies_retire":
        return f"?of={_pk(world.here, 'corrections.policy')}"
    return ""


def _arguments(world: World, key: str, subject: str, visitor: User | None, variant: str) -> list[Any]:
    place = world.place(subject)
    if match := re.fullmatch(r"corrections_correction_(\w+)", key):
        verb = match[1]
        return [] if verb == "changelist" else [place.corrections[_state(verb, variant)].pk]
    if key.startswith("corrections_evidence_"):
        return [place.evidence[variant or "submitted"].pk]
    if key == "corrections_inbox_read":
        return [world.notice(subject, visitor).pk]
    if key == "corrections_incident_change":
        return [world.incident.pk]
    if key == "corrections_delegation_end":
        return [place.loan.pk]
    if key in {"staff_role_give", "staff_role_refuse"}:
        return [world.request.pk]
    if key == "view_on_site":
        return [ContentType.objects.get_for_model(place.records["accounts.payout"]).pk, _pk(place, "accounts.payout")]
    if (found := _staff(world, key, subject, visitor)) is not None:
        return found
    model = "_".join(key.split("_")[:2]).replace("_", ".")
    needs_row = key.split("_", 2)[2] in {"change", "history", "propose"} if model in NEW_VALUES else False
    return [_pk(place, model)] if needs_row else []


def _state(verb: str, variant: str) -> str:
    return variant if variant and variant != "across" else STATE_FOR.get(verb, "submitted")


def _pk(place: Any, model: str) -> Any:
    return place.records[model].pk


def _staff(world: World, key: str, subject: str, visitor: User | None) -> list[Any] | None:
    """Arguments of the pages of people, accounts and roles; "self" is the visitor, "boss" a superuser."""
    pages = "change|history|delete|password_change|token_remove"
    match = re.fullmatch(rf"(staff_person|staff_user|auth_group|auth_user)_({pages})", key)
    if not match:
        return None
    if match[1] == "auth_group":
        return [world.group.pk]
    user = {"self": visitor, "boss": world.desk.sam}.get(subject, world.account)
    # A visitor without an account has no self: somebody else's stands in.
    user = user if user is not None else world.account
    if match[1] == "staff_person":
        return [(user.person or world.person).pk]
    return [user.pk]


# Bodies


def body(world: World, key: str, subject: str, visitor: User | None) -> dict[str, Any]:
    """What somebody who means it would send to this address."""
    key, _, variant = key.partition("@")
    if key in BODIES:
        return BODIES[key](world, visitor)
    if match := re.fullmatch(r"corrections_correction_(\w+)", key):
        return _verb_body(world, match[1], subject, variant)
    if match := re.fullmatch(r"([a-z]+)_([a-z]+)_propose(_create)?", key):
        model = f"{match[1]}.{match[2]}"
        return {**WHY, **(_create if match[3] else _update)(world, model, subject)}
    return {}


def _verb_body(world: World, verb: str, subject: str, variant: str) -> dict[str, Any]:
    place = world.place(subject)
    if verb in {"changelist", "change"}:
        return {}
    correction = place.corrections[_state(verb, variant)]
    sent: dict[str, Callable[[], dict[str, Any]]] = {
        "hand_over": lambda: {"to": place.colleague.pk},
        "revert": lambda: {"reason": "operator_error", "note": "It was right before."},
        "amend": lambda: {**WHY, "note": "Said better."},
        "submit": dict,
        "attach": lambda: {"files": evidence_file("One more receipt."), "kind": "channel_receipt"},
        "remove_change": lambda: {"position": correction.changes.order_by("position").last().position},  # type: ignore[union-attr]
        "results": lambda: {"format": "csv"},
        "replace_rows": lambda: {"file": _corrected(correction, place)},
        "check": dict,
        "pace": lambda: {"rows_per_second": "10"},
        "retry": lambda: {"reason": "process_gap", "note": "They can be applied now."},
        "remove_evidence": lambda: {"evidence": place.evidence["draft"].pk},
        "add_change": lambda: _another_record(world, subject, variant),
    }
    signed = {"comment": "Looked at.", "digest": correction.digest}
    return sent[verb]() if verb in sent else signed


def _corrected(correction: Any, place: Any) -> Any:
    """The file of a batch with a record of the branch in place of the one that was not found."""
    pks = correction.changes.order_by("position").values_list("target_pk", flat=True)
    found = [Payout.objects.get(pk=pk).number for pk in pks]
    return _payouts_file(*found, place.records[MANY].number)


def _payouts_file(*numbers: str) -> Any:
    return evidence_file("\n".join(["number,counterparty_bank", *(f"{one},CMB" for one in numbers)]), "payouts.csv")


def _another_record(world: World, subject: str, variant: str) -> dict[str, Any]:
    """A record of the same branch, or ("across") one of the other branch."""
    across = {"here": "there", "there": "here"}[subject]
    chosen = across if variant == "across" else subject
    pk = _pk(world.place(chosen), ANOTHER)
    return {"model": ANOTHER, "pk": pk, **_update(world, ANOTHER, chosen)}


def _update(world: World, model: str, subject: str) -> dict[str, Any]:
    entry = registry.get(model)
    assert entry is not None
    seen = _seen.token(entry, world.place(subject).records[model])
    values = _filled(world, NEW_VALUES[model], subject)
    ticks = {f"tick_{name}": "on" for name in values}
    return {"action": "update", "seen": seen, **ticks, **{f"new_{name}": value for name, value in values.items()}}


def _create(world: World, model: str, subject: str) -> dict[str, Any]:
    values = _filled(world, NEW_RECORDS.get(model, NEW_VALUES[model]), subject)
    return {f"new_{name}": value for name, value in values.items()}


def _filled(world: World, values: Mapping[str, str], subject: str) -> dict[str, str]:
    place = world.place(subject)
    known = {
        "branch": place.branch.pk,
        "account": world.desk.accounts[place.branch.pk].pk,
        "loan": _pk(place, "accounts.loan"),
        "entry": _pk(place, "accounts.journalentry"),
        "parcel": _pk(world.here, "sandbox.parcel"),
        "policy": _pk(world.here, "corrections.policy"),
    }
    return {name: value.format(**known) for name, value in values.items()}


def _account_add(world: World, visitor: User | None) -> dict[str, Any]:
    named = {"username": "newcomer", "kind": "human", "person": world.person.pk, "language": ""}
    return {**named, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


def _sign_in(world: World, visitor: User | None) -> dict[str, Any]:
    """Nobody's password fits nobody's account."""
    return {"username": visitor.username if visitor else "stella", "password": PASSWORD if visitor else "guessed"}


def _policy(world: World) -> Any:
    return _pk(world.here, "corrections.policy")


def _of_here(world: World) -> Any:
    row: Any = world.here.records[MANY]
    return _payouts_file(row.number)


def _lend(world: World, visitor: User | None) -> dict[str, Any]:
    """A deciding role of the visitor's, or one that is not."""
    rights = rights_of(visitor)
    role = next((role for role in DECIDING_ROLES if role in rights.roles), "checker")
    scope = "*" if role in rights.everywhere else scope_key(world.here.branch)
    day = timezone.localdate().isoformat()
    days = {"starts_on": day, "ends_on": day}
    return {"receiver": world.person.pk, "role": role, "scope": scope, "reason": "On leave.", **days}


def _role(world: World, name: str) -> dict[str, Any]:
    group = Group.objects.get(name=name)
    return {"account": world.account.pk, "group": group.pk, "reason": "Another team."}


BODIES: Mapping[str, Callable[[World, User | None], dict[str, Any]]] = {
    "choose_language": lambda world, visitor: {"language": "zh-hans"},
    "login": _sign_in,
    "password_change": lambda world, visitor: {
        "old_password": PASSWORD,
        "new_password1": NEW_PASSWORD,
        "new_password2": NEW_PASSWORD,
    },
    **dict.fromkeys(
        ("token_confirm", "token_remove", "token_prove"),
        lambda world, visitor: {"password": PASSWORD, "code": "123456", "next": "/admin/"},
    ),
    "corrections_batch_add": lambda world, visitor: {**WHY, "model": MANY, "file": _of_here(world)},
    "corrections_batch_template": lambda world, visitor: {"model": MANY, "pk": _pk(world.here, MANY), "format": "csv"},
    "corrections_batch_rule": lambda world, visitor: {
        **WHY,
        "model": MANY,
        "pk": _pk(world.here, MANY),
        "tick_counterparty_bank": "on",
        "new_counterparty_bank": "CMB",
    },
    "corrections_inbox_read_all": lambda world, visitor: {"up_to": 10**9},
    "corrections_policies_version": lambda world, visitor: {**WHY, **NEXT_VERSION, "of": _policy(world)},
    "corrections_policies_retire": lambda world, visitor: {**WHY, "of": _policy(world)},
    "corrections_incident_add": lambda world, visitor: {"title": "Another fault", "cause": "", "defect_number": "D-2"},
    "corrections_flag_export": lambda world, visitor: {"format": "csv"},
    "corrections_history_export": lambda world, visitor: {"format": "csv", "model": "accounts.payout"},
    "corrections_delegations": _lend,
    "staff_roles": lambda world, visitor: _role(world, "checker: Shanghai"),
    "staff_role_take": lambda world, visitor: _role(world, "maker: Shanghai"),
    "staff_person_add": lambda world, visitor: {"employee_no": "E-NEW", "name": "New", "is_active": "on"},
    "staff_person_change": lambda world, visitor: {
        "name": "Renamed",
        "name_en": "",
        "department": "",
        "is_active": "on",
    },
    "staff_person_delete": lambda world, visitor: {"post": "yes"},
    "staff_user_add": _account_add,
    "staff_user_change": lambda world, visitor: {"language": "en", "is_active": "on", "groups": [world.group.pk]},
    "staff_user_token_remove": lambda world, visitor: {"reason": "The telephone is lost."},
    "staff_user_delete": lambda world, visitor: {"post": "yes"},
    "auth_user_password_change": lambda world, visitor: {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    "auth_group_add": lambda world, visitor: {"name": "all rights"},
    "auth_group_change": lambda world, visitor: {"name": "all rights"},
    "auth_group_delete": lambda world, visitor: {"post": "yes"},
    # A changelist's own POST: delete what is ticked.
    **{
        f"{model}_changelist": lambda world, visitor: {
            "action": "delete_selected",
            "_selected_action": ["1", "2"],
            "post": "yes",
        }
        for model in ("staff_person", "staff_user", "auth_group")
    },
}
