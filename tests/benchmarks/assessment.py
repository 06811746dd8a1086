"""What machines need for one correction: checks, risk flags and policies, without history and with a long one.

    DATABASE_URL=postgres://… uv run python -m tests.benchmarks.assessment
    uv run python -m tests.benchmarks.assessment --corrections 10000

The same corrections are assessed in an empty desk and after so many others were copied into it, of which some are of
the same record, pay the same beneficiary and were made and signed by the same two people. The number of statements
must be equal. The floor, measured in the same run, is as many round trips that read one row by its key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from tests.benchmarks._common import Series, machine, measure, prepare, say, scratch_database, table, timed

CORRECTIONS, ROUNDS, MEASURED, SAME = 100_000, 60, 5, 20


def build(payouts: int) -> tuple[Any, dict[str, Any]]:
    """The firm with its payouts, and one real correction of each kind that will be copied."""
    from accounts.models import LedgerAccount
    from tests.benchmarks import _bulk as bulk
    from tests.benchmarks import _desk_business as business
    from tests.benchmarks import _desk_corrections as data

    bulk.teach_sqlite()
    firm = business.found_firm()
    business.open_accounts(firm)
    first = int(LedgerAccount.objects.order_by("pk").values_list("pk", flat=True)[0])
    business.pay_out(firm, first, payouts)
    extra = business.more_payouts(firm, first, len(data.MIX) + MEASURED)
    kinds = data.templates(firm, extra)
    waiting = [data.submitted(firm.makers[0], next(extra), "MEASURED") for _ in range(MEASURED)]
    bulk.settle()
    return firm, {"kinds": kinds, "waiting": waiting}


def add_history(firm: Any, kinds: dict[str, Any], waiting: list[Any], count: int) -> None:
    """Copies, beside which those that are measured have a past of their own."""
    from django.db import transaction

    from corrections.engine import gate
    from corrections.models import Change
    from tests.benchmarks import _bulk as bulk
    from tests.benchmarks import _desk_corrections as data

    data.many(firm, kinds, count)
    gate.drop()
    try:
        with transaction.atomic():
            for place, correction in enumerate(waiting):
                own = correction.changes.get()
                # Spread over all copies, so over two years and all states.
                some = Change.objects.filter(pk__gt=own.pk + MEASURED).order_by("pk")
                pks = list(some.values_list("pk", flat=True)[place :: max(1, count // SAME)])
                Change.objects.filter(pk__in=pks).update(target_pk=own.target_pk, beneficiary=own.beneficiary)
    finally:
        gate.install()
    bulk.settle()


def series(firm: Any, waiting: list[Any], rounds: int) -> list[Series]:
    """Assessments at submission and before a signer, on locked rows, rolled back; and their floors."""
    checker = firm.checkers[0].person_id
    found = []
    for label, options in (
        ("at submission", {"with_external": True}),
        ("at a decision", {"checker_person_id": checker}),
    ):
        one = measure(label, _assessing(waiting, options), rounds=rounds)
        floor = measure(f"· floor: {one.statements} rows by key", _floor(waiting[0].pk, one.statements), rounds=rounds)
        found += [one, floor]
    return found


def _assessing(waiting: list[Any], options: dict[str, Any]) -> Callable[[], None]:
    import itertools

    from django.db import transaction
    from django.utils import timezone

    from corrections.assessment import assess

    turn = itertools.cycle([(one, list(one.changes.all())) for one in waiting])
    is_submission = "with_external" in options

    def work() -> None:
        correction, changes = next(turn)
        pinned, at = correction.demand, correction.submitted_at
        if is_submission:
            correction.demand, at = {}, timezone.now()
        try:
            with transaction.atomic():
                found = assess(correction, changes, at=at, is_locking=True, **options)
                found.demand  # noqa: B018 - the policies are matched here
        finally:
            correction.demand = pinned

    return work


def _floor(pk: int, statements: int) -> Callable[[], None]:
    from django.db import connection, transaction

    def work() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for _ in range(statements):
                cursor.execute("SELECT id, number, state FROM corrections_correction WHERE id = %s", [pk])
                cursor.fetchall()

    return work


def report(without: list[Series], long: list[Series], count: int) -> str:
    head = ["assessment", "SQL", "median ms", "× floor", f"SQL, {count:,}", "median ms", "× floor", "× without"]
    rows = []
    for place in range(0, len(without), 2):
        before, after = without[place], long[place]
        floors = without[place + 1].median_ms, long[place + 1].median_ms
        rows.append(
            [
                before.label,
                str(before.statements),
                f"{before.median_ms:.1f}",
                f"{before.median_ms / floors[0]:.1f}",
                str(after.statements),
                f"{after.median_ms:.1f}",
                f"{after.median_ms / floors[1]:.1f}",
                f"{after.median_ms / before.median_ms:.2f}",
            ]
        )
    return table(head, rows)


def flags_raised(firm: Any, waiting: list[Any]) -> str:
    """That the history is seen at all."""
    from corrections.assessment import assess

    one = waiting[0]
    found = assess(
        one,
        list(one.changes.all()),
        at=one.submitted_at,
        is_locking=False,
        checker_person_id=firm.checkers[0].person_id,
    )
    return ", ".join(f"{raised.flag.code} {dict(raised.finding.looked_at)}" for raised in found.flags) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corrections", type=int, default=CORRECTIONS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    prepare()
    with scratch_database():
        say(machine())
        seconds, (firm, made) = timed(lambda: build(options.corrections + 1_000))
        say(f"  built in {seconds:.0f} s")
        without = series(firm, made["waiting"], options.rounds)
        seconds, _ = timed(lambda: add_history(firm, made["kinds"], made["waiting"], options.corrections))
        say(f"  history of {options.corrections:,} corrections in {seconds:.0f} s")
        long = series(firm, made["waiting"], options.rounds)
        say(f"  flags: {flags_raised(firm, made['waiting'])}")
        say(report(without, long, options.corrections))
    if [one.statements for one in without] != [one.statements for one in long]:
        sys.exit("The number of statements grew with the history.")


if __name__ == "__main__":
    main()
