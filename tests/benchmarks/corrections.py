"""What one correction of one field costs from draft to applied, beside django-maker-checker and the bare UPDATE.

    DATABASE_URL=postgres://… uv run python -m tests.benchmarks.corrections [--corrections 200]

The same corrections in the same run on the same database, taking turns: ours through the public services; the same
field through django-maker-checker 0.8, once on a table without history and once with django-simple-history's own;
and the floor, the bare UPDATE in a transaction of its own. README.md says what each of them does and leaves out.
"""

from __future__ import annotations

import argparse
import io
import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks._common import Series, machine, prepare, say, scratch_database, statements, table, timed

CORRECTIONS, WARM_UP = 200, 10
BEFORE, AFTER = "ICBC", "CMB"

Steps = Iterator[tuple[str, Callable[[], Any]]]


@dataclass(frozen=True)
class Way:
    """One way to correct the payout of number `n`, as named steps."""

    name: str
    steps: Callable[[int], Steps]


def _users() -> tuple[Any, Any]:
    """Maker and checker, as a request loads them: nothing of their rights is cached."""
    from backoffice.staff.models import User

    users = User.objects.select_related("person")
    return users.get(username="mara"), users.get(username="chidi")


def ours(n: int) -> Steps:
    yield from one_correction(f"PO-{n}")


def one_correction(number: str, after: str = AFTER) -> Steps:
    """The bank code of this payout, corrected through the public services."""
    from accounts.models import Payout
    from corrections import services

    maker, checker = _users()
    payout = Payout.objects.get(number=number)
    # No two corrections share a file, not even with one of a run whose database was kept.
    file = io.BytesIO(f"The channel confirms receipt {number}: {secrets.token_hex(8)}.".encode())
    file.name = "receipt.txt"
    made: dict[str, Any] = {}

    def draft() -> None:
        made["correction"] = services.draft(
            actor=maker,
            target=payout,
            values={"counterparty_bank": after},
            reason="system_defect",
            note="The mapping wrote the wrong bank code.",
            ticket="T-1",
        )

    def approve() -> None:
        correction = made["correction"]
        services.approve(actor=checker, correction=correction, digest=correction.digest)

    yield "draft", draft
    yield (
        "attach evidence",
        lambda: services.attach_evidence(actor=maker, correction=made["correction"], file=file, kind="channel_receipt"),
    )
    yield "submit", lambda: services.submit(actor=maker, correction=made["correction"])
    yield "approve and apply", approve
    payout.refresh_from_db()
    assert payout.counterparty_bank == after
    assert made["correction"].state == "applied"


def _theirs(n: int, handler: Any, model: Any) -> Steps:
    from django_maker_checker import services
    from django_maker_checker.constants import Decision

    maker, checker = _users()
    payout = model.objects.get(number=f"PO-{n}")
    made: dict[str, Any] = {}

    def submit() -> None:
        made["outcome"] = handler.submit_change(
            payout, {"counterparty_bank": AFTER}, maker=maker, justification="The mapping wrote the wrong bank code."
        )

    yield "submit", submit
    yield (
        "approve and apply",
        lambda: services.decide(made["outcome"].approval_request.pk, checker, Decision.APPROVE, "As the receipt says."),
    )
    payout.refresh_from_db()
    assert payout.counterparty_bank == AFTER


def theirs(n: int) -> Steps:
    from tests.benchmarks.rival import actions, models

    return _theirs(n, actions.BareBankCodeChange, models.BarePayout)


def theirs_with_history(n: int) -> Steps:
    from tests.benchmarks.rival import actions, models

    return _theirs(n, actions.RecordedBankCodeChange, models.RecordedPayout)


def floor(n: int) -> Steps:
    from django.db import connection, transaction

    def update() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE rival_barepayout SET counterparty_bank = 'ABC' WHERE number = %s", [f"PO-{n}"])
            assert cursor.rowcount == 1

    yield "UPDATE", update


WAYS = (
    Way("this desk", ours),
    Way("maker-checker 0.8", theirs),
    Way("maker-checker 0.8 + simple-history", theirs_with_history),
    Way("floor: bare UPDATE", floor),
)


def prepare_desk(count: int) -> None:
    """One branch, Mara and Chidi, and the same payouts in three tables."""
    from django.db import connection

    from accounts.models import Branch, LedgerAccount, Payout
    from backoffice.staff.machines import machine as machine_account
    from backoffice.staff.roles import bootstrap
    from corrections.gate import recorded_write
    from corrections.services.policy import install_shipped
    from tests.benchmarks._desk_business import SOURCE, person
    from tests.benchmarks.rival.models import BarePayout, RecordedPayout

    with connection.schema_editor() as editor:
        for model in (BarePayout, RecordedPayout, RecordedPayout.history.model):
            editor.create_model(model)
    branch = Branch.objects.create(code="SH", name="Shanghai")
    bootstrap()
    install_shipped(actor=machine_account("bootstrap_roles"))
    person("Mara", f"maker: {branch}")
    person("Chidi", f"checker: {branch}")
    _policies()
    with recorded_write(source=SOURCE):
        account = LedgerAccount.objects.create(
            number="1002-SH", kind="internal", name="Payouts", branch=branch, currency="CNY", opened_on="2026-01-01"
        )
        rows = [Payout(**_payout(n), source_account=account, branch=branch) for n in range(count)]
        for row in rows:
            row.counterparty_account = "6222020000001187"
        Payout.objects.bulk_create(rows)
    columns = [field.attname for field in BarePayout._meta.concrete_fields if not field.primary_key]
    for model in (BarePayout, RecordedPayout):
        model.objects.bulk_create(model(**{name: getattr(row, name) for name in columns}) for row in rows)


def _payout(n: int) -> dict[str, Any]:
    return {
        "number": f"PO-{n}",
        "counterparty_bank": BEFORE,
        "beneficiary_name": "Zhang Ming",
        "amount": "800.00",
        "currency": "CNY",
        "channel": "A",
        "channel_reference": f"A{n}",
        "status": "refused",
        "failure_code": "14",
    }


def _policies() -> None:
    """Their counterpart of the shipped policy: one approver of a group, for each of the two actions."""
    from django.contrib.auth.models import Group, Permission
    from django_maker_checker import policies
    from django_maker_checker.models import Tenant

    from backoffice.staff.models import User

    group = Group.objects.create(name="bank code approvers")
    group.user_set.add(User.objects.get(username="chidi"))
    for action in ("bare_bank_code_change", "recorded_bank_code_change"):
        group.permissions.add(Permission.objects.get(codename=f"approve_{action}"))
        policy = policies.policy_for(Tenant.default(), action)
        spec = policies.PolicySpec(approvers=[f"r:{group.pk}"])
        policies.save_policy(policy, spec, by=User.objects.get(username="mara"))


def run(count: int) -> dict[str, dict[str, Series]]:
    """Seconds and statements of every step of every way. The first ones warm up, and there statements are counted."""
    found: dict[str, dict[str, Series]] = {way.name: {} for way in WAYS}
    for n in range(count + WARM_UP):
        for turn in range(len(WAYS)):
            way = WAYS[(turn + n) % len(WAYS)]
            for name, step in way.steps(n):
                series = found[way.name].setdefault(name, Series(name))
                if n < WARM_UP:
                    with statements() as sql:
                        step()
                    series.statements = len(sql)
                else:
                    series.seconds.append(timed(step)[0])
    return found


def whole(name: str, steps: dict[str, Series]) -> Series:
    """All steps of a way together, correction by correction."""
    seconds = [sum(parts) for parts in zip(*(series.seconds for series in steps.values()), strict=True)]
    return Series(name, seconds, sum(series.statements for series in steps.values()))


def report(found: dict[str, dict[str, Series]]) -> str:
    wholes = {name: whole(name, steps) for name, steps in found.items()}
    least, rival = wholes[WAYS[3].name].median_ms, wholes[WAYS[2].name].median_ms
    rows = []
    for name, steps in found.items():
        one = wholes[name]
        rows.append(_row(name, one, f"{one.median_ms / least:.1f}", f"{one.median_ms / rival:.2f}"))
        if len(steps) > 1:
            rows += [_row(f"  {step}", series, "", "") for step, series in steps.items()]
    return table(["", "SQL", "median ms", "best ms", "× floor", "× theirs with history"], rows)


def _row(label: str, series: Series, by_floor: str, by_rival: str) -> list[str]:
    times = [f"{series.median_ms:.2f}", f"{series.best_ms:.2f}"]
    return [label, str(series.statements), *times, by_floor, by_rival]


def _log_to(path: Path) -> None:
    """Their audit log, in a file as a site would have it."""
    logger = logging.getLogger("django_maker_checker.audit")
    logger.propagate = False
    logger.addHandler(logging.FileHandler(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corrections", type=int, default=CORRECTIONS)
    count = parser.parse_args().corrections
    folder = prepare("tests.benchmarks.rival.settings")
    _log_to(folder / "audit.log")
    with scratch_database():
        prepare_desk(count + WARM_UP)
        say(f"{machine()}: {count} corrections of one field, statements without transaction control")
        say(report(run(count)))


if __name__ == "__main__":
    main()
