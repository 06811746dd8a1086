"""Two branches with one of everything, and one account per kind of visitor; Shanghai is "here", Beijing is "there".

Whoever holds a role on a branch holds it in Shanghai. What stands here was made by Mara ("auth" in the table), what
stands there by Bo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from taggit.models import Tag

from accounts.models import Branch, Payout
from backoffice.staff.models import Person, User
from corrections import services
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction, Evidence, Incident, Policy, PolicyStep
from tests.corrections.services.desk import Desk, evidence_file, make_desk
from tests.factories import accounts as business
from tests.factories.staff import MachineFactory, account
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

    def place(self, subject: str) -> Place:
        return self.there if subject == "there" else self.here


def make_world() -> World:
    desk = make_desk()
    carl, ben = desk.carl, account("Ben", "checker", scope=desk.beijing)
    cora = account("Cora", "checker", scope=desk.shanghai)
    here = Place(desk.shanghai, author=desk.mara, decider=carl, colleague=cora)
    there = Place(desk.beijing, author=desk.bo, decider=desk.bea, colleague=ben)
    _company_wide(here)
    for place in (here, there):
        _records(desk, place)
        _corrections(desk, place)
    _waiting_for_others(desk, (here, there))
    staff = account("Stella", "maker", scope=desk.shanghai)
    return World(
        desk=desk,
        here=here,
        there=there,
        visitors=_visitors(desk),
        incident=services.open_incident(actor=desk.mara, title="Mapping fault", defect_number="D-1"),
        person=staff.person,
        account=staff,
        group=Group.objects.get(name="checker: Shanghai"),
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


def _waiting_for_others(desk: Desk, places: tuple[Place, ...]) -> None:
    """What waits for an executor, and for each role that signs beside the checker."""
    _put_in_force(desk, 2, "checker", is_applied_with_approval=False)
    for place in places:
        correction = place.corrections["approved"] = _submitted(desk, place)
        _approve(place, correction)
    for version, role in enumerate(("senior_checker", "president", "controller"), start=3):
        _put_in_force(desk, version, role)
        for place in places:
            place.corrections[role] = _submitted(desk, place)
    with gate.opened(actor=desk.sam):
        Policy.objects.update(is_active=False)
        Policy.objects.filter(version=1).update(is_active=True)


def _put_in_force(desk: Desk, version: int, role: str, **fields: Any) -> None:
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=version, **fields)
        PolicyStep.objects.create(policy=policy, position=1, role=role, people=1)
