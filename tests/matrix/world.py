"""Two branches with one of everything, and one account per kind of visitor; Shanghai is "here", Beijing is "there".

Whoever holds a role on a branch holds it in Shanghai. What stands here was made by Mara ("auth" in the table), what
stands there by Bo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import override_settings
from django.utils import timezone
from taggit.models import Tag

from accounts.models import Branch, Payout
from accounts.staff import declare_card
from backoffice.staff.models import Person, User
from corrections import services
from corrections.choices import NoticeKind
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import (
    CalendarDay,
    Correction,
    Delegation,
    Evidence,
    ExchangeRate,
    FlagRule,
    Incident,
    Notice,
    Policy,
    PolicyStep,
    RoleRequest,
)
from corrections.services import batch_run
from tests.corrections.services.desk import Desk, evidence_file, make_desk
from tests.factories import accounts as business
from tests.factories.staff import MachineFactory, account, with_token
from tests.sandbox.models import Label, Parcel, Reading, Region

ROLES_HERE = {
    "make": "maker",
    "chck": "checker",
    "snr": "senior_checker",
    "pres": "president",
    "ctrl": "controller",
    "exec": "executor",
    "comp": "compliance",
}
ROLES_EVERYWHERE = {"make*": "maker", "comp*": "compliance", "poli": "policy_admin", "user": "user_admin"}


@dataclass
class Place:
    """What stands in one branch."""

    branch: Branch
    author: User
    decider: User
    colleague: User  # of the decider: somebody to hand over to
    records: dict[str, Model] = field(default_factory=dict)
    corrections: dict[str, Correction] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    loan: Delegation | None = None  # of the decider's role, to the colleague


@dataclass
class World:
    desk: Desk
    here: Place
    there: Place
    visitors: dict[str, User | None]
    incident: Incident
    person: Person  # somebody with an account, who visits nothing
    account: User
    group: Group
    request: RoleRequest  # asked by a user administrator who visits nothing
    notices: dict[int, Notice]  # one to each person

    def notice(self, subject: str, visitor: User | None) -> Notice:
        """One's own ("self"), or that of somebody who visits nothing."""
        own = visitor.person_id if visitor is not None and subject == "self" else None
        return self.notices[own or self.person.pk]

    def place(self, subject: str) -> Place:
        return self.there if subject == "there" else self.here


def make_world() -> World:
    desk = make_desk()
    carl, ben = desk.carl, account("Ben", "checker", scope=desk.beijing)
    cora = account("Cora", "checker", scope=desk.shanghai)
    here = Place(desk.shanghai, author=desk.mara, decider=carl, colleague=cora)
    there = Place(desk.beijing, author=desk.bo, decider=desk.bea, colleague=ben)
    _company_wide(here)
    _controls(desk, here)
    for place in (here, there):
        _records(desk, place)
        _corrections(desk, place)
        place.loan = _loan(place)
    _waiting_for_others(desk, (here, there))
    for place in (here, there):
        _batches(desk, place)
    staff = account("Stella", "maker", scope=desk.shanghai)
    with_token(staff)
    visitors = _visitors(desk)
    return World(
        desk=desk,
        here=here,
        there=there,
        visitors=visitors,
        notices=_notices(desk, here, [staff, *filter(None, visitors.values())]),
        incident=services.open_incident(actor=desk.mara, title="Mapping fault", defect_number="D-1"),
        person=staff.person,
        account=staff,
        group=Group.objects.get(name="checker: Shanghai"),
        request=_role_request(staff),
    )


def _role_request(user: User) -> RoleRequest:
    group = Group.objects.get(name="executor: Shanghai")
    return services.ask_role(actor=account("Uri", "user_admin"), account=user, group=group, reason="New in the team.")


def _loan(place: Place) -> Delegation:
    """The decider lends the role to somebody who visits nothing."""
    today = timezone.localdate()
    return services.delegate(
        actor=place.decider,
        receiver=place.colleague.person,
        role="checker",
        scope=place.branch,
        starts_on=today,
        ends_on=today,
        reason="On leave.",
    )


def _visitors(desk: Desk) -> dict[str, User | None]:
    gone = account("Gone", "maker", "checker", "compliance", "user_admin")
    Person.objects.filter(pk=gone.person.pk).update(is_active=False)
    visitors: dict[str, User | None] = {
        "nobody": None,
        "gone": gone,
        "machine": MachineFactory(username="loan-core"),
        "clrk": account("Clark", is_staff=False),
        "none": account("Nina"),
        "auth": desk.mara,
        "supr": desk.sam,
    }
    for column, role in ROLES_HERE.items():
        visitors[column] = account(f"Here-{role}", role, scope=desk.shanghai)
    for column, role in ROLES_EVERYWHERE.items():
        visitors[column] = account(f"All-{role}", role)
    return visitors


def _notices(desk: Desk, here: Place, accounts: list[User]) -> dict[int, Notice]:
    people = sorted({account.person_id for account in accounts if account.person_id})
    with gate.opened(actor=desk.sam):
        return {
            pk: Notice.objects.create(
                person_id=pk,
                kind=NoticeKind.TO_DECIDE,
                correction=here.corrections["submitted"],
                key=f"test:{pk}",
                at=timezone.now(),
            )
            for pk in people
        }


# Business records: one of every registered model


def _company_wide(here: Place) -> None:
    """What belongs to no branch; it stands "here" and nowhere else."""
    region = Region.objects.create(name="East")
    with recorded_write(source="test"):
        parcel = Parcel.objects.create(code="P-1", address="Old Street 1", region=region)
        here.records |= {
            "sandbox.parcel": parcel,
            "sandbox.label": Label.objects.create(parcel=parcel, text="fragile"),
            "sandbox.reading": Reading.objects.create(value=1),
            "taggit.tag": Tag.objects.create(name="urgent", slug="urgent"),
        }
    card, _ = declare_card(person=account("Mo").person, number="6228485544444447")
    here.records["accounts.staffcard"] = card


def _controls(desk: Desk, here: Place) -> None:
    """The desk's own controls, which are of no branch either."""
    policy = Policy.objects.get(name="four eyes", version=1)
    with gate.opened(actor=desk.sam):
        day = CalendarDay.objects.create(day="2026-12-31", note="Inventory")
    here.records |= {
        "corrections.policy": policy,
        "corrections.policystep": policy.steps.get(),
        "corrections.flagrule": FlagRule.objects.earliest("pk"),
        "corrections.exchangerate": ExchangeRate.objects.earliest("pk"),
        "corrections.calendarday": day,
    }


def _records(desk: Desk, place: Place) -> None:
    customer = business.CustomerFactory(branch=place.branch)
    account_ = business.LedgerAccountFactory(customer=customer)
    application = business.LoanApplicationFactory(customer=customer)
    loan = business.LoanFactory(application=application, account=account_)
    entry = business.booked(debit=account_, credit=desk.accounts[place.branch.pk])
    place.records |= {
        "accounts.customer": customer,
        "accounts.bankcard": business.BankCardFactory(customer=customer),
        "accounts.ledgeraccount": account_,
        "accounts.accountholder": business.AccountHolderFactory(account=account_),
        "accounts.loanapplication": application,
        "accounts.loan": loan,
        "accounts.repayment": business.RepaymentFactory(loan=loan),
        "accounts.payout": desk.payout(place.branch),
        "accounts.journalentry": entry,
        "accounts.posting": entry.postings.first(),
    }


# Corrections: one in every state that a verb needs


def _corrections(desk: Desk, place: Place) -> None:
    draft = _draft(desk, place)
    services.add_change(
        actor=place.author,
        correction=draft,
        target=desk.payout(place.branch),
        action="update",
        values={"counterparty_bank": "CMB"},
    )
    held, applied = _submitted(desk, place), _submitted(desk, place)
    services.hold(actor=desk.ana, correction=held, comment="Looked into.")
    _approve(place, applied)
    place.corrections |= {
        "draft": draft,
        "submitted": _submitted(desk, place),
        "held": held,
        "applied": applied,
        "failed": _failed(desk, place),
    }
    place.evidence = {name: one.evidence.get() for name, one in place.corrections.items()}


def _batches(desk: Desk, place: Place) -> None:
    """Batches as they are edited, decided, carried out, rested, and ended with rows that are left."""
    with override_settings(**SMALL_CHUNKS):
        place.corrections |= {
            "batch": _batch(desk, place),
            "batch_submitted": _submitted_batch(desk, place),
            "applying": _applying(desk, place),
            "paused": _applying(desk, place),
            "stopped": _applying(desk, place),
        }
        runner = account(f"Runner-{place.branch.code}", "executor", scope=place.branch)
        told = {"actor": runner, "comment": "Not now."}
        services.pause_batch(correction=place.corrections["paused"], **told)
        batch_run.run_next(actor=runner, worker="w-1", correction=place.corrections["stopped"])
        services.stop_batch(correction=place.corrections["stopped"], **told)


def _batch(desk: Desk, place: Place) -> Correction:
    """Two good rows and a bad one."""
    rows = "".join(f"{desk.payout(place.branch).number},CMB\n" for _ in range(2))
    return services.draft_batch(
        actor=place.author,
        model="accounts.payout",
        file=f"number,counterparty_bank\n{rows}FK-NOWHERE,CMB\n".encode(),
        filename="payouts.csv",
        reason="system_defect",
        note="The mapping wrote the wrong bank codes.",
    )


def _submitted_batch(desk: Desk, place: Place) -> Correction:
    draft = _batch(desk, place)
    services.attach_evidence(actor=place.author, correction=draft, file=evidence_file(), kind="channel_receipt")
    return services.submit(actor=place.author, correction=draft, on_bad_row="skip")


def _applying(desk: Desk, place: Place) -> Correction:
    correction = _submitted_batch(desk, place)
    _approve(place, correction)
    return correction


def _draft(desk: Desk, place: Place) -> Correction:
    correction = desk.draft(desk.payout(place.branch), actor=place.author)
    services.attach_evidence(actor=place.author, correction=correction, file=evidence_file(), kind="channel_receipt")
    return correction


def _submitted(desk: Desk, place: Place) -> Correction:
    return services.submit(actor=place.author, correction=_draft(desk, place))


def _approve(place: Place, correction: Correction) -> None:
    services.approve(actor=place.decider, correction=correction, digest=correction.digest)


def _failed(desk: Desk, place: Place) -> Correction:
    correction = _submitted(desk, place)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=correction.changes.get().target_pk).update(counterparty_bank="CCB")
    try:
        _approve(place, correction)
    except CorrectionError:
        return correction
    raise AssertionError("A moved value was applied.")


# A batch of two rows is carried out in two chunks.
SMALL_CHUNKS = {
    f"CORRECTIONS_BATCH_{name}": 1 for name in ("AT_ONCE_ROWS_MAX", "CHUNK_ROWS_SQLITE", "CHUNK_ROWS_POSTGRESQL")
}
# Of which reason a correction is that waits for each role beside the checker; its policy goes by that.
REASONS = {
    "executor": "process_gap",
    "senior_checker": "customer_error",
    "president": "channel_failure",
    "controller": "reconciliation",
}


def _waiting_for_others(desk: Desk, places: tuple[Place, ...]) -> None:
    """What waits for an executor, and for each role that signs beside the checker."""
    _put_in_force(desk, "executor", "checker", is_applied_with_approval=False)
    for place in places:
        correction = place.corrections["approved"] = _submitted_for(desk, place, "executor")
        _approve(place, correction)
    for role in ("senior_checker", "president", "controller"):
        _put_in_force(desk, role, role)
        for place in places:
            place.corrections[role] = _submitted_for(desk, place, role)


def _submitted_for(desk: Desk, place: Place, name: str) -> Correction:
    draft = _draft(desk, place)
    services.amend(actor=place.author, correction=draft, reason=REASONS[name])
    return services.submit(actor=place.author, correction=draft)


def _put_in_force(desk: Desk, name: str, role: str, **fields: Any) -> None:
    with gate.opened(actor=desk.sam):
        policy = Policy.objects.create(name=f"waits for {name}", priority=1, reasons=[REASONS[name]], **fields)
        PolicyStep.objects.create(policy=policy, position=1, role=role)
