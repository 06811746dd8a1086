"""Every page of the desk over a million payouts and a hundred thousand corrections: medians and SQL statements.

    DATABASE_URL=postgres://… uv run python -m tests.benchmarks.desk
    uv run python -m tests.benchmarks.desk --payouts 100000 --corrections 10000     (SQLite)

Pages are asked for through Django's test client, signed in as people with different rights. Two floors are measured
in the same run: the bare SQL of one page by key, fetched and thrown away, and the site's cheapest page. --keep leaves
the scratch database behind and --reuse measures a kept one again; --only WORD measures the pages of that name.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks._common import Series, machine, measure, prepare, say, scratch_database, table, timed

PAYOUTS, CORRECTIONS, ROUNDS = 1_000_000, 100_000, 15
LIST_MS_MAX, PAGE_STATEMENTS_MAX = 300, 15  # what the desk promises


@dataclass(frozen=True)
class Page:
    """A page as one account opens it. `paths` are opened in turn."""

    name: str
    user: str
    paths: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.name}, {self.user}" if self.user else self.name


def build(payouts: int, corrections: int) -> None:
    from accounts.models import LedgerAccount
    from tests.benchmarks import _bulk as bulk
    from tests.benchmarks import _desk_business as business
    from tests.benchmarks import _desk_corrections as data

    bulk.teach_sqlite()
    firm = business.found_firm()
    business.open_accounts(firm)
    first = int(LedgerAccount.objects.order_by("pk").values_list("pk", flat=True)[0])
    business.pay_out(firm, first, payouts)
    real = list(business.real_payouts(firm, first))
    extra = list(business.more_payouts(firm, first, len(data.MIX)))
    data.many(firm, data.templates(firm, iter(extra)), corrections)
    bulk.settle()
    data.real_ones(firm)
    say(f"  {len(real)} payouts with the same account number, really sealed")
    bulk.settle()


def pages() -> Iterator[Page]:
    """The pages in the order of a working day, each as those open it for whom it costs most."""
    from accounts.models import Branch, Payout
    from corrections.models import Correction, CorrectionScope
    from tests.benchmarks._desk_business import ACCOUNT_NUMBER

    site, lists = "/admin/", "/admin/accounts/payout/"
    register, queue = "/admin/corrections/correction/", "/admin/corrections/queue/"
    waiting = Correction.objects.filter(state="submitted")
    here = waiting.filter(pk__in=CorrectionScope.objects.filter(key__endswith=":1").values("correction_id"))
    queued = list(here.order_by("submitted_at", "pk").values_list("pk", flat=True))
    everywhere = list(waiting.order_by("submitted_at", "pk").values_list("pk", flat=True)[:10_000])
    real = list(Correction.objects.filter(ticket="REAL").values_list("pk", flat=True))
    long = Correction.objects.get(ticket="LONG").pk
    drafts = list(Correction.objects.filter(state="draft", maker__username="mara").values_list("pk", flat=True)[:15])
    busy = Payout.objects.get(number="PO-REAL-00").pk
    middle = Payout.objects.order_by("pk")[Payout.objects.count() // 2]
    half = Correction.objects.order_by("pk").values_list("pk", flat=True)[Correction.objects.count() // 2]
    targets = [int(pk) for pk in Correction.objects.get(ticket="LONG").changes.values_list("target_pk", flat=True)]
    branch = Branch.objects.get(code="B01").pk

    def of(pks: list[int], ending: str = "change/", base: str = register) -> tuple[str, ...]:
        return tuple(f"{base}{pk}/{ending}" for pk in pks)

    for user in ("mara", "chidi", "cara", "ana", "sam"):
        yield Page("start page", user, (site,))
    yield Page("queue", "chidi", (queue,))
    yield Page("queue", "cara", (queue,))
    yield Page("queue, deep", "chidi", (f"{queue}?after={queued[len(queued) * 3 // 4]}",))
    yield Page("queue, deep", "cara", (f"{queue}?after={everywhere[-200]}",))
    yield Page("correction", "chidi", of(real))
    yield Page("correction, oldest", "cara", of(everywhere[:15]))
    yield Page("correction of 50 rows", "chidi", of([long]))
    yield Page("correction", "mara", of(real))
    yield Page("correction, draft", "mara", of(drafts))
    yield Page("correction", "ana", of(real))
    for user in ("mara", "milo", "otto", "chidi", "ana", "sam"):
        yield Page("payouts", user, (lists,))
    for user in ("mara", "milo", "ana"):
        yield Page("payouts, deep", user, (f"{lists}?before={middle.pk}",))
    yield Page("payouts, refused", "mara", (f"{lists}?status=refused",))
    yield Page("payouts, refused", "milo", (f"{lists}?status=refused",))
    yield Page("payouts, cancelled (none)", "mara", (f"{lists}?status=cancelled",))
    yield Page("payouts, refused of a branch", "ana", (f"{lists}?status=refused&branch={branch}",))
    yield Page("payouts, by number", "mara", (f"{lists}?q={middle.number}",))
    yield Page("payouts, by channel reference", "ana", (f"{lists}?q={middle.channel_reference}",))
    yield Page("payouts, by account number", "mara", (f"{lists}?q={ACCOUNT_NUMBER}",))
    yield Page("payouts, by account number", "ana", (f"{lists}?q={ACCOUNT_NUMBER}",))
    yield Page("payout", "mara", of(targets[:15], base=lists))
    yield Page("payout, busy", "mara", of([busy], base=lists))
    yield Page("customer", "mara", ("/admin/accounts/customer/1/change/",))
    yield Page("account", "mara", ("/admin/accounts/ledgeraccount/1/change/",))
    yield Page("payout, busy", "ana", of([busy], base=lists))
    yield Page("propose", "mara", of(targets[:15], "propose/?action=update", base=lists))
    yield Page("timeline, 300 moments", "mara", of([busy], "history/", base=lists))
    yield Page("timeline, 300 moments", "ana", of([busy], "history/", base=lists))
    for user in ("mara", "milo", "chidi", "ana", "sam"):
        yield Page("register", user, (register,))
    for user in ("mara", "ana"):
        yield Page("register, deep", user, (f"{register}?below={half}",))
        yield Page("register, applied", user, (f"{register}?state=applied",))
        yield Page("register, failed, of a reason", user, (f"{register}?state=failed&reason=process_gap",))
        yield Page("register, of a month", user, (f"{register}?since=2026-01-01&until=2026-01-31",))
    yield Page("register, of a maker", "ana", (f"{register}?maker=Maker07",))
    yield Page("register, of a branch", "ana", (f"{register}?scope=accounts.branch:{branch + 6}",))
    yield Page("register, by number", "ana", (f"{register}?number={Correction.objects.get(pk=half + 1).number}",))
    report, month = "/admin/corrections/report/", "?since=2026-01-01&until=2026-01-31"
    yield Page("history report", "ana", (report,))
    yield Page("history report, of a month", "ana", (report + month,))
    yield Page("history report, of a maker", "ana", (f"{report}?maker=Maker07",))
    yield Page("history report, of a record", "ana", (f"{report}?model=accounts.payout&record={busy}",))
    yield Page("events", "ana", ("/admin/corrections/auditevent/",))
    yield Page("events, of a month", "ana", (f"/admin/corrections/auditevent/{month}",))


class UnexpectedAnswer(Exception):
    """Something else than the page."""


def opened(page: Page, rounds: int) -> Series:
    """Medians of a page; an answer other than the page is a problem that is named."""
    from backoffice.staff.models import User

    client = _client()
    if page.user:
        client.force_login(
            User.objects.get(username=page.user), backend="backoffice.staff.backends.ActivePersonBackend"
        )
    turn = iter(page.paths * (rounds // len(page.paths) + 2))

    def get() -> None:
        path = next(turn)
        found = client.get(path)
        if found.status_code != 200:
            raise UnexpectedAnswer(f"{path} answered {found.status_code}")

    try:
        return measure(page.label, get, rounds=rounds)
    except UnexpectedAnswer as answer:
        return Series(page.label, problem=str(answer))


def _client() -> Any:
    from django.test import Client

    return Client(SERVER_NAME="localhost")


def floors(rounds: int) -> tuple[Series, Series]:
    """The least that any list of payouts costs, and the least that any page of the site costs."""
    from django.db import connection

    from accounts.models import Payout

    columns = ", ".join(field.column for field in Payout._meta.concrete_fields)
    sql = f"SELECT {columns} FROM accounts_payout WHERE id < %s ORDER BY id DESC LIMIT 51"
    half = Payout.objects.order_by("pk")[Payout.objects.count() // 2].pk

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, [half])
            cursor.fetchall()

    login = opened(Page("cheapest page: sign-in", "", ("/admin/login/",)), rounds)
    return measure("bare SQL of one page by key", bare, rounds=rounds), login


def report(found: list[Series], bare: Series, login: Series) -> str:
    head = ["page, account", "median ms", "best ms", "SQL", "× sign-in", "× bare SQL", ""]
    rows = [
        [
            one.label,
            f"{one.median_ms:.1f}",
            f"{one.best_ms:.1f}",
            str(one.statements),
            f"{one.median_ms / login.median_ms:.1f}",
            f"{one.median_ms / bare.median_ms:.0f}",
            _verdict(one),
        ]
        for one in (bare, login, *found)
    ]
    return table(head, rows)


def _verdict(one: Series) -> str:
    """What is wrong: no such page, or a promise that is broken (of statements: for the queue and single things)."""
    if one.problem:
        return one.problem
    broken = ["slow"] if one.median_ms >= LIST_MS_MAX else []
    counted = one.label.startswith(("queue", "correction", "payout,", "customer", "account"))
    if counted and one.statements > PAGE_STATEMENTS_MAX:
        broken.append("too many statements")
    return ", ".join(broken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payouts", type=int, default=PAYOUTS)
    parser.add_argument("--corrections", type=int, default=CORRECTIONS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--reuse", action="store_true")
    options = parser.parse_args()
    prepare()
    with scratch_database(keep=options.keep, reuse=options.reuse) as is_new:
        say(machine())
        if is_new:
            seconds, _ = timed(lambda: build(options.payouts, options.corrections))
            say(f"  built in {seconds:.0f} s")
        bare, login = floors(options.rounds)
        found = [opened(page, options.rounds) for page in pages() if options.only in page.label]
        say(report(found, bare, login))


if __name__ == "__main__":
    main()
