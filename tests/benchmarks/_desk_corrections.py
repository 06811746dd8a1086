"""A hundred thousand corrections: one real one of each kind goes through the services, the others are its copies.

Copies are inserted with the guards taken off, since the guards let no correction begin as anything but a draft; the
guards are put on again before anything is measured. Their digests and evidence files are made up: no page reads them.
"""

from __future__ import annotations

import datetime as dt
import io
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.engine import gate
from corrections.errors import Conflict
from corrections.gate import recorded_write
from corrections.models import (
    AuditEvent,
    Change,
    CheckResult,
    Contribution,
    Correction,
    CorrectionScope,
    Decision,
    Evidence,
    EvidenceFile,
    FieldHold,
    RegisterNumber,
    Revision,
)
from tests.benchmarks import _bulk as bulk
from tests.benchmarks._common import say
from tests.benchmarks._desk_business import SOURCE, Firm

# Of a hundred corrections: the kind that is copied, the state of the copies, how many.
MIX = (
    ("draft", "draft", 3),
    ("submitted", "submitted", 37),
    ("returned", "returned", 3),
    ("rejected", "rejected", 4),
    ("withdrawn", "withdrawn", 2),
    ("failed", "failed", 1),
    ("submitted", "expired", 1),
    ("applied", "reverted", 2),
    ("applied", "applied", 47),
)
OPEN = ("submitted", "returned")
LONG_CHANGES, BUSY_MOMENTS, REAL_WAITING = 50, 300, 20
PLAN = (
    "pk",
    "template",
    "state",
    "target",
    "label",
    "scope",
    "branch",
    "maker",
    "maker_person",
    "maker_name",
    "checker",
    "checker_person",
    "checker_name",
    "at",
    "reason",
)
_count = itertools.count(1)


def evidence_file() -> io.BytesIO:
    file = io.BytesIO(f"The channel confirms receipt number {next(_count)}.".encode())
    file.name = "receipt.txt"
    return file


def drafted(maker: User, payout: Payout, ticket: str = "T-1") -> Correction:
    return services.draft(
        actor=maker,
        target=payout,
        values={"counterparty_bank": "CMB"},
        reason="system_defect",
        note="The mapping table of the channel gave the bank code of the payer.",
        ticket=ticket,
    )


def submitted(maker: User, payout: Payout, ticket: str = "T-1") -> Correction:
    correction = drafted(maker, payout, ticket)
    services.attach_evidence(actor=maker, correction=correction, file=evidence_file(), kind="channel_receipt")
    return services.submit(actor=maker, correction=correction)


def templates(firm: Firm, payouts: Iterator[Payout]) -> dict[str, Correction]:
    """One real correction of each kind, in the first branch."""
    maker, checker = firm.makers[0], firm.checkers[0]
    found = {"draft": drafted(maker, next(payouts))}
    for kind in ("submitted", "returned", "rejected", "withdrawn", "failed", "applied"):
        found[kind] = submitted(maker, next(payouts))
    said: dict[str, Any] = {"actor": checker, "digest": "", "comment": "The receipt is of another day."}
    services.return_for_rework(**{**said, "correction": found["returned"], "digest": found["returned"].digest})
    services.reject(**{**said, "correction": found["rejected"], "digest": found["rejected"].digest})
    services.withdraw(actor=maker, correction=found["withdrawn"], comment="Not needed any more.")
    services.approve(actor=checker, correction=found["applied"], digest=found["applied"].digest)
    _fail(checker, found["failed"])
    return found


def _fail(checker: User, correction: Correction) -> None:
    """The row moves on before the approval, which is then refused."""
    with recorded_write(source=SOURCE):
        Payout.objects.filter(pk=correction.changes.get().target_pk).update(counterparty_bank="ABC")
    try:
        services.approve(actor=checker, correction=correction, digest=correction.digest)
    except Conflict:
        return
    raise AssertionError("An approval of what moved must be refused.")


def many(firm: Firm, kinds: dict[str, Correction], count: int) -> None:
    """Copies of the kinds over all branches; what they applied stands in the payouts and their history."""
    gate.drop()
    try:
        with transaction.atomic():
            _plan(firm, kinds, count)
            _clone(kinds)
            applied = _apply()
            RegisterNumber.objects.update_or_create(year=2025, defaults={"last": count})
    finally:
        gate.install()
    bulk.reset_sequences(Correction, EvidenceFile)
    say(f"  corrections {count:,}, of which {applied:,} applied")


def _plan(firm: Firm, kinds: dict[str, Correction], count: int) -> None:
    columns = ", ".join(f"{name} {'bigint' if name in INTEGERS else 'text'}" for name in PLAN if name != "at")
    moment = "timestamptz" if bulk.is_postgresql() else "datetime"
    bulk.execute(f"CREATE TABLE bench_plan ({columns}, at {moment})".replace("pk bigint", "pk bigint PRIMARY KEY"))
    places = ", ".join(["%s"] * len(PLAN))
    with connection.cursor() as cursor:
        statement = f"INSERT INTO bench_plan ({', '.join(PLAN)}) VALUES ({places})"
        cursor.executemany(statement, list(_planned(firm, kinds, count)))
    bulk.execute("ANALYZE bench_plan")


INTEGERS = {"pk", "template", "branch", "maker", "maker_person", "checker", "checker_person"}


def _planned(firm: Firm, kinds: dict[str, Correction], count: int) -> Iterator[tuple[Any, ...]]:
    """A line for each copy: oldest first, states and branches mixed."""
    states = [(kinds[kind].pk, state) for kind, state, share in MIX for _ in range(share)]
    place_of = {branch.pk: place for place, branch in enumerate(firm.branches)}
    first = Correction.objects.order_by("-pk").values_list("pk", flat=True)[0] + 1
    now, step = timezone.now(), dt.timedelta(days=2 * 365) / count
    reasons = ("system_defect", "process_gap", "channel_failure", "operator_error", "reconciliation")
    for n, (pk, number, branch) in enumerate(_targets(count)):
        place = place_of[branch]
        maker, checker = firm.makers[place], firm.checkers[place]
        template, state = states[n * 37 % 100]
        yield (
            first + n,
            template,
            state,
            str(pk),
            f"Payout {number}",
            f"accounts.branch:{branch}",
            branch,
            maker.pk,
            maker.person_id,
            str(maker.person),
            checker.pk,
            checker.person_id,
            str(checker.person),
            connection.ops.adapt_datetimefield_value(now - (count - n) * step),
            reasons[n % len(reasons)],
        )


def _targets(count: int) -> Iterator[tuple[int, str, int]]:
    """Payouts all over the table, each once: key, number, branch."""
    rows = Payout.objects.order_by("pk")
    every = max(1, (rows.count() - 20) // count)
    found = rows.values_list("pk", "number", "branch_id").iterator(chunk_size=10_000)
    return itertools.islice((row for n, row in enumerate(found) if n % every == n // every * 7 % every), count)


JOIN = "JOIN bench_plan p ON p.template = t.{} ORDER BY p.pk"
FILES_FROM = 1_000_000  # keys of made-up evidence files


def _clone(kinds: dict[str, Correction]) -> None:
    of = JOIN.format("correction_id")
    number = "'DZ-2025-' || (1000000 + p.pk)"
    maker_is = f"t.actor_id = {kinds['draft'].maker_id}"
    people = {
        "maker_id": "p.maker",
        "maker_person_id": "p.maker_person",
        "maker_name": "p.maker_name",
    }
    dates = {
        name: f"CASE WHEN t.{name} IS NULL THEN NULL ELSE p.at END"
        for name in ("submitted_at", "decided_at", "applied_at", "closed_at")
    }
    digest = bulk.hexes("'digest ' || p.pk")
    bulk.clone(
        Correction,
        JOIN.format("id"),
        id="p.pk",
        number=f"CASE WHEN t.number IS NULL THEN NULL ELSE {number} END",
        state="p.state",
        digest=f"CASE WHEN t.digest = '' THEN '' ELSE {digest} END",
        reason="p.reason",
        created_at="p.at",
        step="CASE WHEN p.state = 'submitted' THEN t.step END",
        step_role="CASE WHEN p.state = 'submitted' THEN t.step_role ELSE '' END",
        **people,
        **dates,
    )
    target = {"target_pk": "p.target", "correction_id": "p.pk"}
    bulk.clone(Change, of, **target, target_label="p.label", scope_before="p.scope", scope_after="p.scope")
    bulk.clone(CorrectionScope, of, correction_id="p.pk", key="p.scope", label="'Branch ' || p.branch")
    bulk.clone(FieldHold, of.replace(" ORDER", f" WHERE p.state IN {OPEN} ORDER"), **target)
    bulk.clone(Revision, of, correction_id="p.pk", digest=digest, submitted_at="p.at", submitted_by_name="p.maker_name")
    bulk.clone(Contribution, of, correction_id="p.pk", person_id="p.maker_person", at="p.at")
    by = {"user_id": "p.checker", "person_id": "p.checker_person", "person_name": "p.checker_name"}
    bulk.clone(Decision, of, correction_id="p.pk", digest=digest, decided_at="p.at", **by)
    bulk.clone(CheckResult, of, correction_id="p.pk", at="p.at")
    bulk.clone(
        AuditEvent,
        of,
        correction_id="p.pk",
        at="p.at",
        actor_id=f"CASE WHEN {maker_is} THEN p.maker ELSE p.checker END",
        actor_person_id=f"CASE WHEN {maker_is} THEN p.maker_person ELSE p.checker_person END",
        actor_name=f"CASE WHEN {maker_is} THEN p.maker_name ELSE p.checker_name END",
    )
    _clone_evidence()


def _clone_evidence() -> None:
    """A file of its own for each copy that has evidence."""
    one = EvidenceFile.objects.order_by("pk").values_list("pk", flat=True)[0]
    source = f"JOIN bench_plan p ON t.id = {one} ORDER BY p.pk"
    bulk.clone(EvidenceFile, source, id=f"{FILES_FROM} + p.pk", sha256=bulk.hexes("'file ' || p.pk"))
    bulk.clone(
        Evidence,
        JOIN.format("correction_id"),
        correction_id="p.pk",
        file_id=f"{FILES_FROM} + p.pk",
        brought_at="p.at",
        brought_by_id="p.maker",
        brought_by_person_id="p.maker_person",
        brought_by_name="p.maker_name",
    )


def _apply() -> int:
    """Writes what the applied copies changed, and its history rows."""
    target = "CAST(p.target AS bigint)"
    bulk.execute(
        "UPDATE accounts_payout SET counterparty_bank = 'CMB' "
        f"WHERE id IN (SELECT {target} FROM bench_plan p WHERE p.state = 'applied')"
    )
    columns = ", ".join(field.column for field in Payout._meta.concrete_fields)
    live = ", ".join(f"t.{field.column}" for field in Payout._meta.concrete_fields)
    return bulk.execute(
        f"INSERT INTO accounts_historicalpayout ({columns}, history_date, history_type, history_change_reason, "
        "history_user_id, history_actor, history_source, history_correction) "
        f"SELECT {live}, p.at, '~', p.reason, p.checker, p.checker_name, 'engine', p.pk "
        f"FROM accounts_payout t JOIN bench_plan p ON {target} = t.id WHERE p.state IN ('applied', 'reverted')"
    )


def real_ones(firm: Firm) -> None:
    """What is measured closely: corrections that wait, one of many rows, and a payout of many moments."""
    maker, checker = firm.makers[0], firm.checkers[0]
    fresh = Payout.objects.filter(branch=firm.branches[0], status="paid", counterparty_bank="ICBC").order_by("-pk")
    rows = iter(fresh.exclude(number__startswith="PO-REAL")[: REAL_WAITING + LONG_CHANGES + 50])
    free = (row for row in rows if not Change.objects.filter(target_model="accounts.payout", target_pk=row.pk).exists())
    for _ in range(REAL_WAITING):
        submitted(maker, next(free), "REAL")
    long = drafted(maker, next(free), "LONG")
    for _ in range(LONG_CHANGES - 1):
        services.add_change(actor=maker, correction=long, target=next(free), values={"counterparty_bank": "CMB"})
    services.attach_evidence(actor=maker, correction=long, file=evidence_file(), kind="channel_receipt")
    services.submit(actor=maker, correction=long)
    _busy(maker, checker, Payout.objects.get(number="PO-REAL-00"))


def _busy(maker: User, checker: User, payout: Payout) -> None:
    """Corrected once, and written hundreds of times by the company's own systems."""
    correction = submitted(maker, payout, "BUSY")
    services.approve(actor=checker, correction=correction, digest=correction.digest)
    for n in range(BUSY_MOMENTS):
        with recorded_write(source=SOURCE):
            Payout.objects.filter(pk=payout.pk).update(amount=Decimal(800 + n))
