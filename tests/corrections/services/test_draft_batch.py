"""A file, or a selection, becomes a draft: good rows are changes, bad ones are told one by one."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
from django.db.models import Q

from accounts.models import BankCard, Customer, Payout
from corrections import services
from corrections.choices import AuditKind
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction, EvidenceFile
from corrections.protection import evidence
from corrections.registry import registry
from tests.corrections.services.desk import Desk
from tests.corrections.services.files import batch, csv_of, findings, refused

pytestmark = pytest.mark.django_db


def test_good_rows_become_changes_and_a_bad_one_is_told(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    content = csv_of("number,counterparty_bank", f"{first.number},CMB", "FK-NOWHERE,CMB", f"{second.number},BOC")
    correction = batch(desk, content, expected_rows=3)
    changes = list(correction.changes.order_by("position"))
    assert [(c.position, c.target_pk, c.old, c.new) for c in changes] == [
        (2, str(first.pk), {"counterparty_bank": "ICBC"}, {"counterparty_bank": "CMB"}),
        (4, str(second.pk), {"counterparty_bank": "ICBC"}, {"counterparty_bank": "BOC"}),
    ]
    assert findings(correction) == [(3, "target_not_found", "number")]
    assert (correction.batch.rows, correction.batch.bad_rows, correction.batch.unchanged_rows) == (3, 1, 0)
    assert correction.batch.target_model == "accounts.payout"
    assert {s.key for s in correction.scopes.all()} == {f"accounts.branch:{desk.shanghai.pk}"}
    assert correction.summary.startswith(first.number)


def test_the_file_is_kept_encrypted_and_is_no_evidence(desk: Desk) -> None:
    content = csv_of("number,counterparty_bank", f"{desk.payout().number},CMB")
    correction = batch(desk, io.BytesIO(content))
    stored = correction.batch.file
    assert stored is not None
    assert evidence.load(stored.sha256, stored.key_id) == content
    assert not correction.evidence.exists()
    event = AuditEvent.objects.get(kind=AuditKind.ROWS_STAGED)
    assert event.detail == {"source": "file", "rows": 1, "bad_rows": 0, "unchanged_rows": 0, "sha256": stored.sha256}


def test_how_the_file_was_read_is_kept_for_people(desk: Desk) -> None:
    correction = batch(desk, f"number;counterparty_bank\n{desk.payout().number};CMB\n".encode())
    assert correction.batch.reading["separator"] == ";"
    assert correction.batch.reading["guesses"] == ["separator_semicolon"]


def test_maker_who_brought_the_file_cannot_decide_it(desk: Desk) -> None:
    correction = batch(desk, csv_of("number,counterparty_bank", f"{desk.payout().number},CMB"))
    assert [c.person_id for c in correction.contributions.all()] == [desk.mara.person_id]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("number,colour", "unknown_column"),
        ("number,counterparty_bank,counterparty_bank", "column_twice"),
        ("number,counterparty_bank,Bank code", "column_given_twice"),
        ("number,amount,Amount:new", "column_given_twice"),
        ("counterparty_bank,amount", "no_key_column"),
        ("number,id", "no_value_column"),
        ("number,currency", "unknown_column"),
        ("number,counterparty_account_cipher", "unknown_column"),
    ],
)
def test_columns_that_say_nothing_certain_refuse_the_whole_file(desk: Desk, header: str, code: str) -> None:
    row = ",".join([desk.payout().number, *["x"] * header.count(",")])
    assert refused(desk, csv_of(header, row)).code == code


def test_a_refused_heading_shows_no_card_number(desk: Desk) -> None:
    refusal = refused(desk, csv_of("number,6222020000001187", f"{desk.payout().number},x"))
    assert "6222020000001187" not in str(refusal)


@pytest.mark.parametrize(
    "heading", ["Bank code", "BANK  CODE", "银行代码", "counterparty_bank", "Counterparty_Bank:new"]
)
def test_columns_are_known_by_what_people_call_them(desk: Desk, heading: str) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    from django.utils.translation import override

    with override("zh-hans"):
        chinese = entry.verbose_name("counterparty_bank")
    heading = chinese if heading == "银行代码" else heading
    correction = batch(desk, csv_of(f"number,{heading}", f"{desk.payout().number},CMB"))
    assert correction.changes.count() == 1


def test_expected_rows_that_differ_refuse_and_store_nothing(desk: Desk) -> None:
    refusal = refused(desk, csv_of("number,counterparty_bank", f"{desk.payout().number},CMB"), expected_rows=2)
    assert refusal.code == "expected_rows_differ"
    assert not EvidenceFile.objects.exists()


def test_unknown_and_unauthorised_records_are_told_alike(desk: Desk) -> None:
    other = desk.payout(desk.beijing)
    content = csv_of(
        "number,counterparty_bank,amount:now",
        f"{other.number},CMB,1.00",
        "FK-NOWHERE,CMB,1.00",
        f"{other.number},CMB,1.00",
    )
    found = batch(desk, content).row_findings.order_by("position")
    assert {(f.code, f.column, f.message) for f in found} == {
        ("target_not_found", "number", found[0].message),
    }
    assert [f.position for f in found] == [2, 3, 4]


def test_a_record_may_not_move_to_a_branch_that_is_not_the_makers(desk: Desk) -> None:
    payout = desk.payout()
    correction = batch(desk, csv_of("number,branch", f"{payout.number},{desk.beijing.pk}"))
    assert not correction.changes.exists()
    assert [code for _p, code, _c in findings(correction)] == ["record_is_outside_your_scope"]


def test_the_same_record_twice_makes_the_second_row_bad(desk: Desk) -> None:
    payout = desk.payout()
    content = csv_of("number,id,counterparty_bank", f"{payout.number},,CMB", f",{payout.pk},BOC")
    correction = batch(desk, content)
    assert [c.position for c in correction.changes.all()] == [2]
    found = correction.row_findings.get()
    assert (found.position, found.code) == (3, "target_twice_in_file")
    assert "line 2" in found.message


def test_two_keys_must_name_one_record(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    content = csv_of(
        "number,id,counterparty_bank", f"{first.number},{second.pk},CMB", f"{second.number},{second.pk},CMB"
    )
    correction = batch(desk, content)
    assert [c.position for c in correction.changes.all()] == [3]
    assert findings(correction) == [(2, "keys_name_different_records", "")]


def test_a_row_without_a_key_is_told(desk: Desk) -> None:
    content = csv_of("number,counterparty_bank", ",CMB", f"{desk.payout().number},CMB")
    assert findings(batch(desk, content)) == [(2, "key_is_empty", "number")]


def test_values_that_the_maker_saw_must_still_hold(desk: Desk) -> None:
    first, second = desk.payout(amount="800.00"), desk.payout(amount="900.00")
    content = csv_of(
        "number,amount:now,amount,failure_code:now",
        f"{first.number},800.00,810,14",
        f"{second.number},800.00,910,",
    )
    correction = batch(desk, content)
    assert [c.new for c in correction.changes.all()] == [{"amount": "810.00"}]
    assert findings(correction) == [(3, "value_changed_since_request", "amount")]
    assert "900" not in correction.row_findings.get().message


def test_an_empty_cell_leaves_a_field_and_the_word_empty_clears_it(desk: Desk) -> None:
    payout = desk.payout(status="created", failure_code="14")
    correction = batch(desk, csv_of("number,counterparty_bank,failure_code,channel", f"{payout.number},,(empty),B"))
    assert correction.changes.get().new == {"failure_code": "", "channel": "B"}


def test_rows_that_are_already_so_are_counted_apart(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    correction = batch(desk, csv_of("number,counterparty_bank", f"{first.number},ICBC", f"{second.number},CMB"))
    assert (correction.batch.bad_rows, correction.batch.unchanged_rows) == (0, 1)
    found = correction.row_findings.get()
    assert (found.position, found.verdict, found.code) == (2, "pass", "nothing_changes")


def test_a_file_of_which_every_row_is_already_so_is_refused(desk: Desk) -> None:
    refusal = refused(desk, csv_of("number,counterparty_bank", f"{desk.payout().number},ICBC"))
    assert refusal.code == "no_good_row"


def test_a_file_of_bad_rows_alone_is_kept_to_be_corrected(desk: Desk) -> None:
    correction = batch(desk, csv_of("number,counterparty_bank", "FK-NOWHERE,CMB"))
    assert correction.batch.bad_rows == 1
    assert not correction.changes.exists()


def test_a_bad_value_is_told_masked_in_both_languages(desk: Desk) -> None:
    content = csv_of("number,amount,counterparty_bank", f"{desk.payout().number},6222020000001187 x,CMB")
    found = batch(desk, content).row_findings.get()
    assert found.column == "amount"
    assert "6222020000001187" not in f"{found.value} {found.message}"
    assert found.value.endswith("1187 x")
    assert found.code == "value_not_plain_decimal"


def test_every_problem_of_a_row_is_told_at_once(desk: Desk) -> None:
    content = csv_of("number,amount,counterparty_bank", f"{desk.payout().number},many, CMB")
    assert [code for _p, code, _c in findings(batch(desk, content))] == [
        "value_not_plain_decimal",
        "cell_has_outer_spaces",
    ]


def test_the_models_own_rules_hold(desk: Desk) -> None:
    first, second = desk.payout(status="created", failure_code=""), desk.payout(currency="JPY", amount="800.00")
    content = csv_of(
        "number,status,amount", f"{first.number},refused,", f"{second.number},,800.50", f"{desk.payout().number},,0"
    )
    correction = batch(desk, content)
    assert not correction.changes.exists()
    told = [(f.position, f.code, f.message) for f in correction.row_findings.all()]
    assert [(p, c) for p, c, _m in told] == [
        (2, "row_would_be_invalid"),
        (3, "row_would_be_invalid"),
        (4, "row_would_be_invalid"),
    ]
    assert told[0][2] == "A refused payout needs the channel's failure code."


def test_a_unique_value_is_taken_by_a_record_or_by_another_row(desk: Desk) -> None:
    desk.payout(channel_reference="R1")
    first, second, third = desk.payout(), desk.payout(), desk.payout()
    content = csv_of("number,channel_reference", f"{first.number},R1", f"{second.number},R2", f"{third.number},R2")
    correction = batch(desk, content)
    assert [c.position for c in correction.changes.all()] == [3]
    assert findings(correction) == [(2, "row_would_be_invalid", ""), (4, "value_taken_within_file", "")]


def test_what_the_customer_declared_is_not_typed_by_staff(desk: Desk) -> None:
    content = csv_of("number,beneficiary_name,channel", f"{desk.payout().number},Li,B", f"{desk.payout().number},,B")
    correction = batch(desk, content)
    assert [c.position for c in correction.changes.all()] == [3]
    assert findings(correction) == [(2, "customer_must_declare", "beneficiary_name")]


@pytest.mark.usefixtures("customer_fields_allowed")
def test_secrets_are_sealed_and_equal_ones_are_no_change(desk: Desk) -> None:
    first, second, third = desk.payout(), desk.payout(), desk.payout()
    content = csv_of(
        "number,counterparty_account",
        f"{first.number},6222020000009999",
        f"{second.number},6222 0200 0000 1187",
        f"{third.number},62!",
    )
    correction = batch(desk, content)
    change = correction.changes.get()
    assert change.position == 2
    assert change.new["counterparty_account_masked"] == "****9999"
    assert set(change.new) == set(change.old)
    assert "6222020000009999" not in str(change.new)
    told = [(f.position, f.code, f.value) for f in correction.row_findings.order_by("position")]
    assert told == [(3, "nothing_changes", ""), (4, "account_number_invalid", "****")]


@pytest.mark.usefixtures("customer_fields_allowed")
def test_a_reference_names_only_what_the_maker_may_see(desk: Desk) -> None:
    with recorded_write(source="loan-core"):
        near = Customer.objects.create(customer_number="C1", name="Zhang Ming", branch=desk.shanghai)
        far = Customer.objects.create(customer_number="C2", name="Li Na", branch=desk.beijing)
        cards = [BankCard.objects.create(customer=c, holder_name=c.name, bank_code="ICBC") for c in (near, far)]
    first, second = desk.payout(), desk.payout()
    content = csv_of("number,card", f"{first.number},{cards[0].pk}", f"{second.number},{cards[1].pk}")
    correction = batch(desk, content)
    assert [c.new for c in correction.changes.all()] == [{"card_id": cards[0].pk}]
    assert findings(correction) == [(3, "reference_not_found", "card")]


def test_the_same_file_is_not_brought_twice_while_it_is_open(desk: Desk) -> None:
    content = csv_of("number,counterparty_bank", f"{desk.payout().number},CMB")
    correction = batch(desk, content)
    with pytest.raises(CorrectionError) as refusal:
        batch(desk, content)
    assert refusal.value.code == "file_already_in_a_batch"
    services.withdraw(actor=desk.mara, correction=correction, comment="Wrong.")
    assert batch(desk, content).pk != correction.pk


def test_a_batch_keeps_its_rows(desk: Desk) -> None:
    correction = batch(desk, csv_of("number,counterparty_bank", f"{desk.payout().number},CMB"))
    with pytest.raises(CorrectionError) as refusal:
        services.add_change(actor=desk.mara, correction=correction, target=desk.payout(), values={"channel": "B"})
    assert refusal.value.code == "batch_keeps_its_rows"
    with pytest.raises(CorrectionError) as refusal:
        services.remove_change(actor=desk.mara, change=correction.changes.get())
    assert refusal.value.code == "batch_keeps_its_rows"


def test_only_makers_bring_files(desk: Desk) -> None:
    content = csv_of("number,counterparty_bank", f"{desk.payout().number},CMB")
    assert refused(desk, content, actor=desk.chidi).code == "maker_role_is_required"
    assert refused(desk, content, actor=desk.sam).code in {"maker_role_is_required", "actor_needs_a_person"}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"model": "accounts.branch"}, "model_not_correctable"),
        ({"model": "accounts.journalentry"}, "action_not_allowed"),
        ({"model": 3}, "model_not_correctable"),
        ({"file": b""}, "file_is_empty"),
        ({"file": b" \r\n"}, "file_is_empty"),
        ({"file": "text"}, "evidence_not_readable"),
        ({"expected_rows": "many"}, "expected_rows_not_usable"),
        ({"note": ""}, "note_is_required"),
    ],
)
def test_odd_requests_are_refused(desk: Desk, more: dict[str, Any], code: str) -> None:
    assert refused(desk, more.pop("file", csv_of("number,channel", "1,B")), **more).code == code


def test_too_many_bad_rows_are_the_wrong_file(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_FINDINGS_MAX = 3
    content = csv_of("number,channel", *[f"X{n},B" for n in range(4)])
    assert refused(desk, content).code == "too_many_bad_rows"


def test_rows_are_staged_the_same_in_small_lots(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_STAGE_ROWS = 2
    payouts = [desk.payout() for _ in range(7)]
    rows = [f"{p.number},CMB,{100 + n}" for n, p in enumerate(payouts)]
    correction = batch(desk, csv_of("number,counterparty_bank,amount", *rows, rows[0]))
    assert correction.changes.count() == 7
    assert all(c.target_label.endswith("Zhang M***") or c.target_label for c in correction.changes.all())
    assert findings(correction) == [(9, "target_twice_in_file", "")]


def test_cost_does_not_grow_with_the_rows(desk: Desk, django_assert_max_num_queries: Any) -> None:
    payouts = [desk.payout() for _ in range(60)]
    content = csv_of("number,counterparty_bank,amount", *[f"{p.number},CMB,{n + 1}" for n, p in enumerate(payouts)])
    with django_assert_max_num_queries(60):
        batch(desk, content)


# A selection


def selection(desk: Desk, **more: Any) -> Correction:
    given = {
        "actor": desk.mara,
        "model": Payout,
        "values": {"counterparty_bank": "CMB"},
        "reason": "system_defect",
        "note": "The mapping wrote the wrong bank code.",
    }
    return services.draft_selection(**{**given, **more})


def test_selected_records_all_get_the_value(desk: Desk) -> None:
    first, second, other = desk.payout(), desk.payout(counterparty_bank="CMB"), desk.payout(desk.beijing)
    correction = selection(desk, pks=[str(first.pk), second.pk, other.pk, 10**12], expected_rows=4)
    assert [(c.position, c.new) for c in correction.changes.all()] == [(1, {"counterparty_bank": "CMB"})]
    assert findings(correction) == [
        (2, "nothing_changes", ""),
        (3, "target_not_found", "id"),
        (4, "target_not_found", "id"),
    ]
    assert correction.batch.source == "selection"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"source": "file"}, "batch_source_not_usable"),
        ({"source": "revert"}, "batch_source_not_usable"),
        ({"source": "nonsense"}, "batch_source_not_usable"),
        ({"source": None}, "batch_source_not_usable"),
        ({"source": []}, "batch_source_not_usable"),
        ({"pks": 5}, "selection_not_usable"),
        ({"pks": "123"}, "selection_not_usable"),
        ({"pks": {"1": 2}}, "selection_not_usable"),
        ({"pks": []}, "no_good_row"),
        ({}, "no_good_row"),
    ],
)
def test_an_odd_selection_is_refused(desk: Desk, more: dict[str, Any], code: str) -> None:
    with pytest.raises(CorrectionError) as refusal:
        selection(desk, **more)
    assert refusal.value.code == code
    assert not Correction.objects.exists()


def test_an_endless_selection_is_too_long(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_ROWS_MAX = 3
    with pytest.raises(CorrectionError) as refusal:
        selection(desk, pks=itertools.count())
    assert refusal.value.code == "too_many_rows"


def test_a_condition_finds_only_what_the_maker_may_see(desk: Desk) -> None:
    desk.payout(desk.beijing)
    mine = [desk.payout(), desk.payout()]
    desk.payout(counterparty_bank="ABC")
    correction = selection(desk, where=Q(counterparty_bank="ICBC"), rule="bank code is ICBC", expected_rows=2)
    assert {c.target_pk for c in correction.changes.all()} == {str(p.pk) for p in mine}
    assert correction.batch.rule == "bank code is ICBC"
    with pytest.raises(CorrectionError) as refusal:
        selection(desk, where=Q(counterparty_bank="ICBC"), expected_rows=3)
    assert refusal.value.code == "expected_rows_differ"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"amount": "many"}, "value_not_plain_decimal"),
        ({"colour": "red"}, "field_not_correctable"),
        ({"beneficiary_name": "Li"}, "customer_must_declare"),
        ({}, "no_value_column"),
        ({"branch": 10**12}, "reference_not_found"),
    ],
)
def test_a_value_that_no_record_may_get_is_refused_at_once(desk: Desk, values: dict[str, Any], code: str) -> None:
    with pytest.raises(CorrectionError) as refusal:
        selection(desk, pks=[desk.payout().pk], values=values)
    assert refusal.value.code == code
    assert not Correction.objects.exists()
