"""The corrections of the demo: one function per story, each told through the public services and none other.

A story runs in one transaction and is known by its ticket. A demo that was killed goes on with the stories that are
not told yet; nothing is ever half told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from django.core.files.base import ContentFile
from django.db import transaction
from django.test.utils import override_settings

from accounts.choices import ApplicationDecision, EntryKind, LoanStatus, PayoutStatus, RepaymentStatus, Side
from accounts.models import JournalEntry, LedgerAccount, Loan, LoanApplication, Payout, Posting, Repayment
from backoffice.demo import batches, papers
from backoffice.demo.stage import DORMANT_SOURCE, Stage
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import Action, EvidenceKind, Reason
from corrections.errors import Conflict
from corrections.gate import recorded_write
from corrections.models import Correction, Incident, Policy

DEFECT = "DEF-2231"
TO_BE_SENT_AGAIN = {"counterparty_bank": "CMB", "status": PayoutStatus.TO_BE_SENT, "failure_code": ""}
MAPPING_FAULT = "Our mapping wrote ICBC for accounts of CMB; the channel answered E14, no such account at this bank."


def payout(number: int) -> Payout:
    return Payout.objects.get(number=f"PO-2026-{number:06d}")


def incident(stage: Stage) -> Incident:
    found = Incident.objects.filter(defect_number=DEFECT).first()
    return found or services.open_incident(
        actor=stage.staff["wang.li"],
        title="Bank codes of CMB written as ICBC",
        cause="The release of 14 November swapped two lines of the bank code table. 银行代码映射表两行互换。",
        defect_number=DEFECT,
    )


def incident_notice() -> ContentFile[bytes]:
    """The very same file for every correction of the incident: it is shared evidence."""
    lines = [
        f"Defect {DEFECT}",
        "",
        "On 14 November two lines of the bank code table were swapped.",
        "Payouts to China Merchants Bank (CMB) left as ICBC and were",
        "refused by the channel with E14.",
        "",
        "Six payouts are concerned. Table put right on 16 November.",
        "",
        "Signed: Head of Payment Systems",
    ]
    return papers.notice("incident-notice-DEF-2231", "Incident notice 事件通报", lines)


def channel_receipt(row: Payout, code: str = "E14 NO SUCH ACCOUNT AT BANK") -> ContentFile[bytes]:
    lines = [
        "BANK GATEWAY  RESULT FILE",
        f"ORDER        {row.number}",
        f"AMOUNT       {row.amount} {row.currency}",
        f"BANK CODE    {row.counterparty_bank}",
        f"ACCOUNT      {row.counterparty_account}",
        f"RESULT       {code}",
        "BENEFICIARY BANK BY PREFIX  CMB",
    ]
    return papers.receipt(f"channel-receipt-{row.number}", lines)


def mapping_correction(stage: Stage, maker: str, number: int) -> Correction:
    row = payout(number)
    correction = stage.drafted(
        maker, row, TO_BE_SENT_AGAIN, Reason.SYSTEM_DEFECT, MAPPING_FAULT, incident=incident(stage)
    )
    stage.proven(correction, maker, incident_notice(), EvidenceKind.INCIDENT_NOTICE)
    stage.proven(correction, maker, channel_receipt(row), EvidenceKind.CHANNEL_RECEIPT)
    return correction


def returned_and_resubmitted(stage: Stage) -> None:
    """80,000 to the wrong bank code: returned for a missing receipt, now revision 2."""
    row = payout(1)
    correction = stage.drafted(
        "wang.li", row, TO_BE_SENT_AGAIN, Reason.SYSTEM_DEFECT, MAPPING_FAULT, incident=incident(stage)
    )
    stage.proven(correction, "wang.li", incident_notice(), EvidenceKind.INCIDENT_NOTICE)
    stage.submitted(correction, "wang.li")
    stage.returned(correction, "li.qiang", "No channel receipt. Attach the gateway's answer for this very order.")
    services.amend(
        actor=stage.staff["wang.li"],
        correction=correction,
        note=f"{MAPPING_FAULT} The gateway's answer is attached now.",
    )
    stage.proven(correction, "wang.li", channel_receipt(row), EvidenceKind.CHANNEL_RECEIPT)
    screen = papers.screenshot(
        "gateway-order-PO-2026-000001",
        "Bank gateway · order PO-2026-000001",
        [f"Amount: {row.amount} {row.currency}", "Bank code sent: ICBC", "Bank by account prefix: CMB", "Result: E14"],
    )
    stage.proven(correction, "wang.li", screen, EvidenceKind.SCREENSHOT)
    stage.submitted(correction, "wang.li")


def waiting_in_shanghai(stage: Stage) -> None:
    stage.submitted(mapping_correction(stage, "wang.li", 2), "wang.li")


def applied_in_shanghai(stage: Stage) -> None:
    correction = mapping_correction(stage, "chen.jie", 3)
    stage.submitted(correction, "chen.jie")
    stage.approved(correction, "li.qiang", "Prefix and notice agree.")


def returned_in_shanghai(stage: Stage) -> None:
    correction = mapping_correction(stage, "wang.li", 4)
    stage.submitted(correction, "wang.li")
    stage.returned(correction, "sun.hao", "The customer has two accounts. Say in the note how you know it is this one.")


def waiting_in_beijing(stage: Stage) -> None:
    stage.submitted(mapping_correction(stage, "liu.yang", 5), "liu.yang")


def applied_and_reverted(stage: Stage) -> None:
    """Applied, then taken back by another correction, since the account was at ICBC after all."""
    correction = mapping_correction(stage, "liu.yang", 6)
    stage.submitted(correction, "liu.yang")
    stage.approved(correction, "zhou.yan")
    back = services.revert(
        actor=stage.staff["he.jing"],
        correction=correction,
        reason=Reason.OPERATOR_ERROR,
        note="The customer's bank is ICBC after all: the prefix was read from an outdated list.",
    )
    services.amend(actor=stage.staff["he.jing"], correction=back, ticket=f"{stage.ticket}-R")
    letter = papers.notice(
        "bank-confirmation-PO-2026-000006",
        "Confirmation of account 账户确认函",
        ["We confirm that the account of order PO-2026-000006", "is kept by ICBC, Beijing branch."],
    )
    stage.proven(back, "he.jing", letter, EvidenceKind.LETTER)
    stage.submitted(back, "he.jing")
    stage.approved(back, "xu.lei", "Confirmed by the bank in writing.")


def draft_about_a_lost_card(stage: Stage) -> None:
    """The new card is the customer's word, which staff can't type; so the payout is cancelled and he asks anew."""
    stage.drafted(
        "wang.li",
        payout(7),
        {"status": PayoutStatus.CANCELLED, "failure_code": ""},
        Reason.CUSTOMER_ERROR,
        "The card was reported lost. The customer will name the new card in the app; this payout is cancelled.",
    )


def approved_by_mistake(stage: Stage) -> None:
    """An application approved by mistake: loan, application, payout and journal are voided as one unit."""
    maker = stage.staff["chen.jie"]
    application = LoanApplication.objects.get(number="AP-2026-0007")
    loan = Loan.objects.get(number="LN-2026-0007")
    correction = stage.drafted(
        "chen.jie",
        application,
        {"decision": ApplicationDecision.VOIDED},
        Reason.PROCESS_GAP,
        "Approved although the income proof belongs to another person; nothing has been paid out yet.",
    )
    services.add_change(actor=maker, correction=correction, target=loan, values={"status": LoanStatus.VOIDED})
    services.add_change(actor=maker, correction=correction, target=payout(9), values={"status": PayoutStatus.CANCELLED})
    for number, wrong in enumerate(JournalEntry.objects.filter(source_reference=loan.number).order_by("id"), start=1):
        _reverse_entry(maker, correction, wrong, f"JE-2026-R{number:05d}")
    paper = papers.notice(
        "minutes-AP-2026-0007",
        "Minutes of the credit committee 信审会纪要",
        ["Application AP-2026-0007 is void from the beginning.", "The income proof was another applicant's."],
    )
    stage.proven(correction, "chen.jie", paper, EvidenceKind.APPROVAL)
    stage.submitted(correction, "chen.jie")


def _reverse_entry(maker: User, correction: Correction, wrong: JournalEntry, reference: str) -> None:
    entry = services.add_change(
        actor=maker,
        correction=correction,
        model=JournalEntry,
        action=Action.CREATE,
        values={
            "reference": reference,
            "branch": wrong.branch,
            "booked_on": wrong.booked_on,
            "kind": EntryKind.REVERSAL,
            "currency": wrong.currency,
            "description": f"Reversal of {wrong.reference}",
            "source_reference": wrong.source_reference,
            "reverses": wrong,
        },
    )
    for posting in wrong.postings.order_by("id"):
        other = Side.CREDIT if posting.side == Side.DEBIT else Side.DEBIT
        services.add_change(
            actor=maker,
            correction=correction,
            model=Posting,
            action=Action.CREATE,
            values={
                "entry": entry,
                "account": posting.account,
                "side": other,
                "amount": -posting.amount,
                "currency": posting.currency,
            },
        )


def missing_repayment(stage: Stage) -> None:
    """Money came in, was not recognised, and lies in suspense: the instalment is created."""
    loan = Loan.objects.get(number="LN-2026-0003")
    correction = services.draft(
        actor=stage.staff["he.jing"],
        model=Repayment,
        action=Action.CREATE,
        values={
            "reference": "RP-2026-0003-07",
            "loan": loan,
            "due_on": "2026-08-20",
            "paid_on": "2026-08-20",
            "amount": "6900.00",
            "currency": "CNY",
            "status": RepaymentStatus.POSTED,
            "channel_reference": "QP202608200003",
        },
        reason=Reason.RECONCILIATION,
        note="The instalment of August came in as QP202608200003 and was booked to suspense. 八月还款误入挂账。",
        ticket=stage.ticket,
    )
    statement = papers.receipt(
        "clearing-statement-2026-08-20",
        ["date,reference,amount,currency,text", "2026-08-20,QP202608200003,6900.00,CNY,LN-2026-0003 instalment 7"],
    )
    stage.proven(correction, "he.jing", statement, EvidenceKind.STATEMENT)
    stage.submitted(correction, "he.jing")
    stage.approved(correction, "zhou.yan", "Agrees with the clearing statement.")


def doubled(stage: Stage) -> tuple[Repayment, ContentFile[bytes]]:
    row = Repayment.objects.get(reference="RP-2026-0002-05-D")
    lines = [
        "Loan LN-2026-0002",
        "2026-08-06  5150.00  QP202608050002",
        "2026-08-06  5150.00  QP202608050002  (same reference)",
    ]
    return row, papers.screenshot(f"repayments-{stage.ticket}", f"Repayments of LN-2026-0002 · {stage.ticket}", lines)


def deletion_rejected(stage: Stage) -> None:
    row, screen = doubled(stage)
    note = "The repayment of August was booked twice under one channel reference; remove the second one."
    correction = services.draft(
        actor=stage.staff["wang.li"],
        target=row,
        action=Action.DELETE,
        reason=Reason.OPERATOR_ERROR,
        note=note,
        ticket=stage.ticket,
    )
    stage.proven(correction, "wang.li", screen, EvidenceKind.SCREENSHOT)
    stage.submitted(correction, "wang.li")
    services.reject(
        actor=stage.staff["sun.hao"],
        correction=correction,
        digest=correction.digest,
        comment="Void it instead: a deleted repayment can't be explained to the customer later.",
    )


def voided_instead(stage: Stage) -> None:
    row, screen = doubled(stage)
    note = "The repayment of August was booked twice under one channel reference; the second one is voided."
    correction = stage.drafted("chen.jie", row, {"status": RepaymentStatus.VOID}, Reason.OPERATOR_ERROR, note)
    stage.proven(correction, "chen.jie", screen, EvidenceKind.SCREENSHOT)
    stage.submitted(correction, "chen.jie")


def dormant_on_hold(stage: Stage) -> None:
    """An account unused for long is to be woken, and compliance wants to know why."""
    account = LedgerAccount.objects.get(number="2001-000009")
    note = "The customer visited the branch and wants to use the account again."
    correction = stage.drafted("he.jing", account, {"status": "active"}, Reason.CUSTOMER_ERROR, note)
    letter = papers.notice(
        "customer-letter-2001-000009", "Customer's letter 客户来函", ["Please reactivate my account 2001-000009."]
    )
    stage.proven(correction, "he.jing", letter, EvidenceKind.LETTER)
    stage.submitted(correction, "he.jing")
    services.hold(
        actor=stage.staff["song.yu"],
        correction=correction,
        comment="Dormant since 2024, and a payout was tried last week. Wait until the call-back is recorded.",
    )


def withdrawn_by_its_maker(stage: Stage) -> None:
    row = payout(11)
    note = "The channel's reference is missing; without it the answer can't be matched."
    correction = stage.drafted("liu.yang", row, {"channel_reference": "BG2026111900011"}, Reason.CHANNEL_FAILURE, note)
    stage.proven(correction, "liu.yang", channel_receipt(row, "SENT"), EvidenceKind.CHANNEL_RECEIPT)
    stage.submitted(correction, "liu.yang")
    services.withdraw(
        actor=stage.staff["liu.yang"],
        correction=correction,
        comment="The channel delivered the reference itself this morning.",
    )


def expired_undecided(stage: Stage) -> None:
    """Nobody decided in time. The demo can't wait for weeks, so this one's time is over at once."""
    row = payout(12)
    note = "It stands in the old gateway's queue and should leave through the second one."
    correction = stage.drafted("tang.wei", row, {"channel": "bank-gateway-2"}, Reason.PROCESS_GAP, note)
    stage.proven(correction, "tang.wei", channel_receipt(row, "QUEUED"), EvidenceKind.CHANNEL_RECEIPT)
    with override_settings(CORRECTIONS_SUBMITTED_DAYS_MAX=0):
        stage.submitted(correction, "tang.wei")
    services.expire(actor=machine("expire_corrections"), correction=correction)


def failed_at_apply(stage: Stage) -> None:
    """Between submission and approval another system wrote the same field: nothing is applied."""
    row = payout(10)
    note = "The bank code belongs to a branch that was closed; the new one is in the bank's letter."
    correction = stage.drafted("he.jing", row, {"counterparty_bank": "ABC"}, Reason.CHANNEL_FAILURE, note)
    letter = papers.notice(
        "bank-letter-PO-2026-000010",
        "Change of bank code 行号变更通知",
        ["SPDB Beijing West is served by ABC from now on."],
    )
    stage.proven(correction, "he.jing", letter, EvidenceKind.LETTER)
    stage.submitted(correction, "he.jing", DORMANT_SOURCE)
    stage.approved(correction, "xu.lei", "", DORMANT_SOURCE)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=row.pk).update(counterparty_bank="SPD")
    try:
        stage.approved(correction, "song.yu")
    except Conflict:
        return  # that is the story: the correction is committed as failed, and says why


def waiting_in_shenzhen(stage: Stage) -> None:
    row = payout(8)
    values = {"status": PayoutStatus.TO_BE_SENT, "failure_code": ""}
    note = "The card channel was down for an hour and refused with C14; the payout is to be sent again."
    correction = stage.drafted("tang.wei", row, values, Reason.CHANNEL_FAILURE, note)
    screen = papers.screenshot(
        "channel-status-2026-11-19", "Card channel · status", ["2026-11-19 10:02 down", "2026-11-19 11:07 up again"]
    )
    stage.proven(correction, "tang.wei", screen, EvidenceKind.SCREENSHOT)
    stage.submitted(correction, "tang.wei")


def draft_without_evidence(stage: Stage) -> None:
    loan = Loan.objects.get(number="LN-2026-0006")
    note = "Marked overdue although the instalment of October came in; evidence follows."
    stage.drafted("tang.wei", loan, {"status": LoanStatus.ACTIVE}, Reason.RECONCILIATION, note)


def cards_may_be_typed(stage: Stage) -> None:
    """A policy administrator asks that staff may type a customer's card; another one and the president sign that."""
    shipped = list(Policy.objects.filter(name__startswith="card typed by staff", is_active=False).order_by("priority"))
    note = "Customers who can't use the app sign a consent at the counter; then staff key the card, blindly twice."
    correction = stage.drafted("ma.chao", shipped[0], {"is_active": True}, Reason.PROCESS_GAP, note)
    for policy in shipped[1:]:
        services.add_change(
            actor=stage.staff["ma.chao"], correction=correction, target=policy, values={"is_active": True}
        )
    minutes = papers.notice(
        "minutes-operational-risk-2026-11",
        "Operational risk committee 操作风险委员会纪要",
        ["Staff may type a card that the customer declared,", "with the customer's signed consent, keyed blindly."],
    )
    stage.proven(correction, "ma.chao", minutes, EvidenceKind.APPROVAL)
    stage.submitted(correction, "ma.chao")


def dormant_account_is_paid_from(stage: Stage) -> None:
    """Money is to leave an account that slept: a checker signed, and compliance looks at it too."""
    row = payout(10)
    note = "The bank code belongs to a branch that was closed; the new one is in the bank's letter."
    correction = stage.drafted("liu.yang", row, {"counterparty_bank": "CEB"}, Reason.CHANNEL_FAILURE, note)
    lines = ["SPDB Beijing West is served by CEB from now on."]
    letter = papers.notice("bank-letter-2026-11-20", "Change of bank code 行号变更通知", lines)
    stage.proven(correction, "liu.yang", letter, EvidenceKind.LETTER)
    stage.submitted(correction, "liu.yang", DORMANT_SOURCE)
    stage.approved(correction, "zhou.yan", "The letter names this branch.", DORMANT_SOURCE)


MERCHANTS = range(101, 112)


def eleven_by_one_maker(stage: Stage) -> None:
    """Each is below the senior's threshold; together they pass the one for all of a maker's in a week."""
    note = "The settlement file of 20 November wrote ICBC for accounts of CMB."
    for number in MERCHANTS:
        row = payout(number)
        if number != MERCHANTS[0]:
            stage = replace(stage, ticket=f"OPS-1020-{number}")
        correction = stage.drafted("tang.wei", row, TO_BE_SENT_AGAIN, Reason.SYSTEM_DEFECT, note)
        stage.proven(correction, "tang.wei", channel_receipt(row), EvidenceKind.CHANNEL_RECEIPT)
        stage.submitted(correction, "tang.wei")
        if number != MERCHANTS[-1]:
            stage.approved(correction, "guo.min")


STORIES: dict[str, Callable[[Stage], None]] = {
    "OPS-1001": returned_and_resubmitted,
    "OPS-1002": waiting_in_shanghai,
    "OPS-1003": applied_in_shanghai,
    "OPS-1004": returned_in_shanghai,
    "OPS-1005": waiting_in_beijing,
    "OPS-1006": applied_and_reverted,
    "OPS-1007": draft_about_a_lost_card,
    "OPS-1008": approved_by_mistake,
    "OPS-1009": missing_repayment,
    "OPS-1010": deletion_rejected,
    "OPS-1011": voided_instead,
    "OPS-1012": dormant_on_hold,
    "OPS-1013": withdrawn_by_its_maker,
    "OPS-1014": expired_undecided,
    "OPS-1015": failed_at_apply,
    "OPS-1016": waiting_in_shenzhen,
    "OPS-1017": draft_without_evidence,
    "OPS-1018": cards_may_be_typed,
    "OPS-1019": dormant_account_is_paid_from,
    "OPS-1020": eleven_by_one_maker,
    **batches.STORIES,
}


def tell(staff: Mapping[str, User]) -> Iterator[str]:
    """Tell what is not told yet; gives each ticket as it is done."""
    for ticket, story in STORIES.items():
        if Correction.objects.filter(ticket=ticket).exists():
            continue
        with transaction.atomic():
            story(Stage(staff, ticket))
        yield ticket
