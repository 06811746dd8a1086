"""A small desk for tests of the services: two branches, people of each role, payouts, and short ways to act."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Branch, LedgerAccount, Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from backoffice.staff.roles import bootstrap
from corrections import services
from corrections.engine import gate
from corrections.gate import recorded_write
from corrections.models import Change, Correction, Decision, Evidence, Policy, PolicyStep
from corrections.services.policy import install_shipped
from tests.factories.staff import account, superuser

_counter = itertools.count(1)


def evidence_file(text: str = "", name: str = "receipt.txt") -> io.BytesIO:
    """A text file of its own content, as an upload would be."""
    content = text or f"The channel confirms receipt number {next(_counter)}."
    file = io.BytesIO(content.encode())
    file.name = name
    return file


@dataclass
class Desk:
    """Mara makes and Chidi checks in Shanghai, Bo makes and Bea checks in Beijing, Ana audits, Sam is superuser."""

    shanghai: Branch
    beijing: Branch
    mara: User
    max: User
    chidi: User
    carl: User
    bo: User
    bea: User
    ana: User
    eve: User
    sam: User
    accounts: dict[int, LedgerAccount] = field(default_factory=dict)

    def payout(self, branch: Branch | None = None, **fields: Any) -> Payout:
        branch = branch or self.shanghai
        values: dict[str, Any] = {
            "number": f"FK{next(_counter):06d}",
            "source_account": self.accounts[branch.pk],
            "branch": branch,
            "counterparty_bank": "ICBC",
            "counterparty_account": "6222020000001187",
            "beneficiary_name": "Zhang Ming",
            "amount": Decimal("800.00"),
            "currency": "CNY",
            "channel": "A",
            "status": "refused",
            "failure_code": "14",
        }
        with recorded_write(source="loan-core"):
            return Payout.objects.create(**{**values, **fields})

    def draft(self, payout: Payout | None = None, *, actor: User | None = None, **values: Any) -> Correction:
        return services.draft(
            actor=actor or self.mara,
            target=payout or self.payout(),
            action="update",
            values=values or {"counterparty_bank": "CMB"},
            reason="system_defect",
            note="The mapping wrote the wrong bank code.",
            ticket="T-1",
        )

    def attach(self, correction: Correction, *, actor: User | None = None, text: str = "", **more: Any) -> Evidence:
        return services.attach_evidence(
            actor=actor or self.mara,
            correction=correction,
            file=evidence_file(text, more.pop("file_name", "receipt.txt")),
            kind=more.pop("kind", "channel_receipt"),
            **more,
        )

    def submitted(self, payout: Payout | None = None, **values: Any) -> Correction:
        correction = self.draft(payout, **values)
        self.attach(correction)
        return services.submit(actor=self.mara, correction=correction)

    def approve(self, correction: Correction, *, actor: User | None = None) -> Decision:
        return services.approve(actor=actor or self.chidi, correction=correction, digest=correction.digest)

    def applied(self, payout: Payout | None = None, **values: Any) -> Correction:
        correction = self.submitted(payout, **values)
        self.approve(correction)
        return correction

    def reverted(self, correction: Correction) -> Correction:
        """A submitted revert of `correction`."""
        back = services.revert(
            actor=self.mara, correction=correction, reason="operator_error", note="It was right before."
        )
        self.attach(back)
        return services.submit(actor=self.mara, correction=back)


def make_desk() -> Desk:
    with recorded_write(source="loan-core"):
        shanghai = Branch.objects.create(code="SH", name="Shanghai", city="Shanghai")
        beijing = Branch.objects.create(code="BJ", name="Beijing", city="Beijing")
    bootstrap()
    install_shipped(actor=machine("bootstrap_roles"))
    desk = Desk(
        shanghai=shanghai,
        beijing=beijing,
        mara=account("Mara", "maker", scope=shanghai),
        max=account("Max", "maker", scope=shanghai),
        chidi=account("Chidi", "checker", scope=shanghai),
        carl=account("Carl", "checker", scope=shanghai),
        bo=account("Bo", "maker", scope=beijing),
        bea=account("Bea", "checker", scope=beijing),
        ana=account("Ana", "compliance"),
        eve=account("Eve", "executor"),
        sam=superuser(),
    )
    for branch in (shanghai, beijing):
        with recorded_write(source="loan-core"):
            desk.accounts[branch.pk] = LedgerAccount.objects.create(
                number=f"1002-{branch.code}",
                kind="internal",
                name="Payouts",
                branch=branch,
                currency="CNY",
                opened_on="2026-01-01",
            )
    return desk


def tampered(model: type[Change | Correction | Evidence], pk: int, **columns: Any) -> None:
    """Changes a control row around the guards, as somebody with the database's password would."""
    connection.check_constraints()  # PostgreSQL alters no table whose checks are still to come
    gate.drop()
    try:
        model.objects.filter(pk=pk).update(**columns)
    finally:
        gate.install()


def put_policy_in_force(
    desk: Desk, steps: list[tuple[str, int]], *, step: dict[str, Any] | None = None, **fields: Any
) -> None:
    """Puts another version of the policy in force; versions that were signed under stay as they are.

    `step` is what every step asks for besides.
    """
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=2, **fields)
        for position, (role, people) in enumerate(steps, start=1):
            PolicyStep.objects.create(policy=policy, position=position, role=role, people=people, **(step or {}))
