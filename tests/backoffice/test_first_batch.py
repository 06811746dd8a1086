"""The file with which README lets a newcomer try a batch: as it stands, and as the newcomer mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from accounts.loaders.company import load_company
from backoffice.demo.people import hire
from corrections import services
from corrections.choices import State
from tests.corrections.services.desk import evidence_file

FIXTURES = Path(settings.BASE_DIR) / "fixtures"
FILE = FIXTURES / "batches" / "days-of-payment.csv"

pytestmark = pytest.mark.django_db


def test_the_first_batch_of_a_newcomer_has_two_lines_to_mend_and_takes_one_checker() -> None:
    load_company(FIXTURES / "company")
    call_command("bootstrap_roles", verbosity=0)
    staff = hire("secret")
    maker = staff["he.jing"]
    correction = services.draft_batch(
        actor=maker,
        model="accounts.repayment",
        file=FILE.read_bytes(),
        filename=FILE.name,
        reason="reconciliation",
        note="Days of payment from the clearing file.",
    )
    bad = correction.row_findings.order_by("position").values_list("position", "code")
    assert list(bad) == [(4, "nothing_changes"), (5, "value_not_usable"), (7, "target_not_found")]
    mended = FILE.read_text().replace("12.09.2026", "2026-09-12").replace("0004-6", "0004-06")
    services.replace_bad_rows(actor=maker, correction=correction, file=mended.encode(), filename=FILE.name)
    services.attach_evidence(actor=maker, correction=correction, file=evidence_file(), kind="statement")
    services.submit(actor=maker, correction=correction)
    services.approve(actor=staff["zhou.yan"], correction=correction, digest=correction.digest)
    assert (correction.state, correction.changes.count()) == (State.APPLIED, 5)
