"""Whatever is passed to the public door, it is refused with a code or taken for what it is; nothing is guessed."""

from __future__ import annotations

import datetime as dt
import enum
import io
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from accounts.models import Branch, Customer, Payout
from corrections import services
from corrections.choices import State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Change, Correction, Evidence, Incident
from tests.corrections.services.desk import Desk, evidence_file
from tests.factories.accounts import LoanFactory
from tests.factories.staff import give_roles
from tests.sandbox.models import Label, Parcel

pytestmark = pytest.mark.django_db


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(CorrectionError) as caught:
        call(**arguments)
    assert str(caught.value)
    return caught.value.code


def draft_of(desk: Desk, **arguments: Any) -> Any:
    given = {"actor": desk.mara, "reason": "system_defect", "note": "n", **arguments}
    return lambda: services.draft(**given)


def parcel(**fields: Any) -> Parcel:
    with recorded_write(source="loan-core"):
        return Parcel.objects.create(**{"code": "P-1", **fields})


@pytest.fixture
def everywhere(desk: Desk) -> Desk:
    give_roles(desk.mara, "maker")
    give_roles(desk.chidi, "checker")
    return desk


class TestActors:
    def test_the_key_of_something_else_is_no_account(self, desk: Desk) -> None:
        correction = desk.submitted()
        for actor in (desk.chidi.person, SimpleNamespace(pk=desk.chidi.pk), "chidi", desk.chidi.pk, Branch(pk=1)):
            code = refusal(services.approve, actor=actor, correction=correction, digest=correction.digest)
            assert code == "actor_is_required"

    @pytest.mark.parametrize("pk", ["x", 10**40, [], {"a": 1}])
    def test_an_account_with_a_strange_key_is_nobody(self, desk: Desk, pk: Any) -> None:
        code = refusal(services.withdraw, actor=get_user_model()(pk=pk), correction=desk.submitted())
        assert code in {"actor_is_required", "actor_is_not_active"}

    def test_the_user_of_a_request_is_an_account(self, desk: Desk) -> None:
        assert desk.draft(actor=SimpleLazyObject(lambda: desk.mara)).state == State.DRAFT


class TestCorrections:
    @pytest.mark.parametrize("correction", [None, 1, "DZ-2026-000001", Correction(), Correction(pk="x"), object()])
    def test_what_is_no_stored_correction_is_not_found(self, desk: Desk, correction: Any) -> None:
        for call in (
            lambda: services.amend(actor=desk.mara, correction=correction, note="n"),
            lambda: services.submit(actor=desk.mara, correction=correction),
            lambda: services.approve(actor=desk.chidi, correction=correction, digest="x"),
            lambda: services.apply(actor=desk.eve, correction=correction),
            lambda: services.revert(actor=desk.mara, correction=correction, reason="process_gap", note="n"),
            lambda: services.attach_evidence(
                actor=desk.mara, correction=correction, file=evidence_file(), kind="letter"
            ),
        ):
            assert refusal(call) == "correction_not_found"

    def test_what_is_forged_on_the_instance_counts_for_nothing(self, desk: Desk) -> None:
        correction = desk.submitted()
        correction.__dict__.update(state=State.APPROVED, maker_person_id=None, policy_id=None)
        assert refusal(services.apply, actor=desk.eve, correction=correction) == "illegal_state"
        forged = Correction.objects.get(pk=correction.pk)
        forged.maker_person = desk.carl.person
        forged.maker = desk.carl
        give_roles(desk.mara, "checker", scope=desk.shanghai)
        code = refusal(services.approve, actor=desk.mara, correction=forged, digest=forged.digest)
        assert code == "maker_cannot_decide"
        assert refusal(services.withdraw, actor=desk.carl, correction=forged) == "only_the_maker_withdraws"

    @pytest.mark.parametrize("record", [None, Change(), Evidence(), Change(pk=10**6), "x", 5])
    def test_what_is_no_stored_part_is_not_found(self, desk: Desk, record: Any) -> None:
        for call in (
            lambda: services.remove_change(actor=desk.mara, change=record),
            lambda: services.remove_evidence(actor=desk.mara, evidence=record),
            lambda: services.open_original(actor=desk.mara, evidence=record),
        ):
            assert refusal(call) == "correction_not_found"

    def test_evidence_is_opened_by_its_row_not_by_the_instance(self, desk: Desk) -> None:
        """A file of another branch under the name of one's own correction."""
        mine = desk.draft()
        there = desk.draft(desk.payout(desk.beijing), actor=desk.bo)
        secret = desk.attach(there, actor=desk.bo, text="what Beijing brought")
        forged = Evidence(pk=secret.pk, correction=mine, file=secret.file)
        assert refusal(services.open_original, actor=desk.mara, evidence=forged) == "not_allowed"
        own = desk.attach(mine, text="what Shanghai brought")
        own.file = secret.file
        assert services.open_original(actor=desk.mara, evidence=own) == b"what Shanghai brought"

    def test_a_change_is_removed_from_its_own_correction_only(self, desk: Desk) -> None:
        mine = desk.draft()
        there = desk.draft(desk.payout(desk.beijing), actor=desk.bo)
        forged = there.changes.get()
        forged.correction = mine
        assert refusal(services.remove_change, actor=desk.mara, change=forged) == "correction_is_outside_your_scope"

    def test_an_incident_must_have_been_opened(self, desk: Desk) -> None:
        for incident in (Incident(), Incident(pk=10**6), desk.payout(), "INC-1", 1):
            assert refusal(draft_of(desk, target=desk.payout(), values={"channel": "B"}, incident=incident)) == (
                "incident_not_found"
            )


class TestTargets:
    @pytest.mark.parametrize("pk", [None, "x", 10**40, -1, 1.5, [], {}])
    def test_a_target_that_is_not_stored_is_not_found(self, desk: Desk, pk: Any) -> None:
        payout = desk.payout()
        payout.pk = pk
        assert refusal(draft_of(desk, target=payout, values={"channel": "B"})) == "record_not_found"

    @pytest.mark.parametrize("target", ["accounts.payout", 5, [], Payout, object()])
    def test_a_target_is_a_record(self, desk: Desk, target: Any) -> None:
        assert refusal(draft_of(desk, target=target, values={"channel": "B"})) == "model_not_correctable"

    @pytest.mark.parametrize("model", [5, [], object(), "nonsense", "a.b.c", Correction, None])
    def test_a_model_is_a_registered_one(self, desk: Desk, model: Any) -> None:
        assert refusal(draft_of(desk, model=model, action="create", values={})) == "model_not_correctable"

    def test_target_and_model_must_agree(self, desk: Desk) -> None:
        for model in (Customer, [], 5, object(), "accounts.customer", "nonsense"):
            code = refusal(draft_of(desk, target=desk.payout(), model=model, values={"channel": "B"}))
            assert code == "model_not_correctable"
        assert draft_of(desk, target=desk.payout(), model=Payout, values={"channel": "B"})()

    @pytest.mark.parametrize("action", [None, 5, [], "UPDATE", "drop", b"update"])
    def test_an_action_is_one_of_three(self, desk: Desk, action: Any) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), action=action, values={})) == "action_not_allowed"

    def test_strange_values_on_the_target_are_no_server_error(self, desk: Desk) -> None:
        payout = desk.payout()
        payout.amount = "eight hundred"
        assert refusal(draft_of(desk, target=payout, values={"amount": "1.00"})) == "target_not_readable"
        payout.amount = "800"  # what a form would have put there is the same amount
        assert draft_of(desk, target=payout, values={"amount": "1.00"})().state == State.DRAFT

    def test_present_values_of_another_branch_are_not_told(self, desk: Desk) -> None:
        """A probe with a wrong old value would otherwise answer with the right one."""
        payout = desk.payout(desk.beijing)
        payout.counterparty_bank = "GUESS"
        with pytest.raises(CorrectionError) as caught:
            draft_of(desk, target=payout, values={"counterparty_bank": "CMB"})()
        assert caught.value.code == "record_is_outside_your_scope"
        assert "ICBC" not in f"{caught.value} {caught.value.details}"

    def test_present_values_of_another_branch_are_not_told_by_a_revert(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = desk.applied(payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        code = refusal(services.revert, actor=desk.bo, correction=correction, reason="process_gap", note="n")
        assert code == "record_is_outside_your_scope"


class TestValues:
    @pytest.mark.parametrize("values", [[], "x", 5, [("channel", "B")], {"channel"}])
    def test_values_are_given_by_name(self, desk: Desk, values: Any) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), values=values)) == "values_not_readable"

    @pytest.mark.parametrize(
        "name", [5, None, ("channel",), b"channel", "pk", "branch__name", "counterparty_account_cipher"]
    )
    def test_a_name_is_one_of_the_list(self, desk: Desk, name: Any) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), values={name: "x"})) == "field_not_correctable"

    def test_a_field_is_given_once(self, desk: Desk) -> None:
        code = refusal(
            draft_of(desk, target=desk.payout(), values={"branch": desk.shanghai, "branch_id": desk.beijing.pk})
        )
        assert code == "value_given_twice"

    @pytest.mark.parametrize("value", [b"B", ["B"], {"change": 1}, 5, 1.5, Decimal(1), object(), dt.date(2026, 1, 1)])
    def test_text_is_text(self, desk: Desk, value: Any) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), values={"channel": value})) == "value_of_wrong_type"

    def test_translated_safe_and_enumerated_texts_are_plain_texts(self, desk: Desk) -> None:
        class Channel(enum.Enum):
            C = "C"

        for value, plain in ((gettext_lazy("B"), "B"), (mark_safe("B<"), "B<"), (Channel.C, "C")):
            change = desk.draft(channel=value).changes.get()
            assert change.new == {"channel": plain}

    @pytest.mark.parametrize(
        "value", [True, 1.0, "１", " 1", "1_0", "0x1", {"change": 1}, [1], Decimal(1), Customer(pk=1)]
    )
    def test_a_reference_is_a_key_or_a_record_of_the_right_model(self, desk: Desk, value: Any) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), values={"branch": value})) == "reference_not_found"

    def test_a_record_of_another_model_with_the_same_key_is_no_reference(self, desk: Desk) -> None:
        assert refusal(draft_of(desk, target=desk.payout(), values={"branch": desk.mara.person})) == (
            "reference_not_found"
        )

    def test_what_the_maker_may_not_see_may_not_be_referred_to(self, desk: Desk) -> None:
        """Found and not shown read like not found: keys of another branch's records can't be tried out."""
        repayment = {"due_on": "2026-11-02", "paid_on": "2026-11-02", "amount": "1.00", "currency": "CNY"}
        theirs = LoanFactory(branch=desk.beijing, account__branch=desk.beijing, account__currency="CNY")
        ours = LoanFactory(branch=desk.shanghai, account__branch=desk.shanghai, account__currency="CNY")
        wish = {"model": "accounts.repayment", "action": "create"}
        for loan in (theirs, theirs.pk, str(theirs.pk), 10**9):
            code = refusal(draft_of(desk, **wish, values={**repayment, "reference": "RP-1", "loan": loan}))
            assert code == "reference_not_found"
        made = draft_of(desk, **wish, values={**repayment, "reference": "RP-1", "loan": ours.pk})()
        assert made.state == State.DRAFT

    def test_a_refusal_never_repeats_the_value(self, desk: Desk) -> None:
        number = "6222020000009999"
        for values in ({"status": number}, {"amount": number + "x"}, {"branch": number}, {number: "x"}):
            with pytest.raises(CorrectionError) as caught:
                draft_of(desk, target=desk.payout(), values=values)()
            assert number not in f"{caught.value} {caught.value.details}"

    @pytest.mark.parametrize(
        "weight", [True, 1.0, "1.0", "1e3", "１", 10**25, -(10**25), pytest.param(10**5000, id="endless")]
    )
    def test_whole_numbers_are_plain(self, everywhere: Desk, weight: Any) -> None:
        assert refusal(draft_of(everywhere, target=parcel(), values={"weight": weight})).startswith("value_")

    @pytest.mark.parametrize(
        "moment",
        ["2026-13-01", "x", "２０２６-01-01 10:00", 5, dt.date(2026, 1, 1), "0001-01-01T00:00:00+14:00",
         "9999-12-31T23:59:59-12:00"],
    )  # fmt: skip
    def test_moments_are_moments(self, everywhere: Desk, moment: Any) -> None:
        assert refusal(draft_of(everywhere, target=parcel(), values={"sent_at": moment})).startswith("value_")

    def test_a_moment_without_offset_is_on_the_desks_clock(self, everywhere: Desk, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Prague"
        stored = [
            draft_of(everywhere, target=parcel(code=code), values={"sent_at": value})().changes.get().new["sent_at"]
            for code, value in (("A", "2026-07-01 10:00"), ("B", dt.datetime(2026, 7, 1, 10)))  # noqa: DTZ001
        ]
        assert stored == ["2026-07-01T08:00:00.000000+00:00"] * 2

    @pytest.mark.parametrize("moment", ["2026-03-29 02:30", "2026-10-25 02:30"])
    def test_a_moment_that_the_clock_skips_or_repeats_needs_its_offset(
        self, everywhere: Desk, settings: Any, moment: str
    ) -> None:
        settings.TIME_ZONE = "Europe/Prague"
        code = refusal(draft_of(everywhere, target=parcel(), values={"sent_at": moment}))
        assert code == "value_is_no_single_moment"
        assert draft_of(everywhere, target=Parcel.objects.get(), values={"sent_at": f"{moment}+02:00"})()

    @pytest.mark.parametrize(
        "details",
        [{"a": float("nan")}, {"a": float("inf")}, {"a": 1e16}, {"a": -0.0}, {1: "a"}, {"a": object()}, {"a": b"x"},
         {"a": "\x00"}, {"\u202e": 1}, {"a": "x" * 20_000}, {"a": 10**5000}, (1, 2), {"a": (1,)}],
    )  # fmt: skip
    def test_documents_are_ones_that_everybody_reads_alike(self, everywhere: Desk, details: Any) -> None:
        assert refusal(draft_of(everywhere, target=parcel(), values={"details": details})).startswith("value_")

    def test_a_bottomless_document_is_refused(self, everywhere: Desk) -> None:
        details: dict[str, Any] = {}
        for _ in range(5000):
            details = {"a": details}
        assert refusal(draft_of(everywhere, target=parcel(), values={"details": details})) == "value_not_json"


class TestPlaceholders:
    def test_a_document_that_looks_like_one_is_a_document(self, everywhere: Desk) -> None:
        """{"change": 1} in a JSON column is data, never the key of a row still to be created."""
        row = parcel()
        correction = everywhere.draft(row, details={"change": 1})
        everywhere.attach(correction)
        services.submit(actor=everywhere.mara, correction=correction)
        everywhere.approve(correction)
        row.refresh_from_db()
        assert row.details == {"change": 1}

    def test_a_document_with_fractions_is_signed_and_applied(self, everywhere: Desk) -> None:
        row = parcel(details={"weight": 0.1})
        correction = everywhere.draft(row, details={"weight": 0.25})
        everywhere.attach(correction)
        services.submit(actor=everywhere.mara, correction=correction)
        everywhere.approve(correction)
        row.refresh_from_db()
        assert row.details == {"weight": 0.25}

    def test_a_row_of_another_correction_can_not_be_referred_to(self, everywhere: Desk) -> None:
        desk = everywhere
        first = draft_of(desk, model=Parcel, action="create", values={})
        with pytest.raises(CorrectionError):
            first()  # a parcel needs a code, which is not correctable, so none can be made here
        elsewhere = draft_of(desk, model=Label, action="create", values={"text": "x", "parcel": parcel()})()
        foreign = elsewhere.changes.get()
        foreign.target_model = "sandbox.parcel"  # as if it created what is wanted
        correction = desk.draft()
        code = refusal(
            services.add_change,
            actor=desk.mara,
            correction=correction,
            model=Label,
            action="create",
            values={"text": "y", "parcel": foreign},
        )
        assert code == "value_not_usable"


class TestTexts:
    @pytest.mark.parametrize("text", [5, b"note", ["note"], "a\x00b", "a\ud800b", "a\u202eb", "x" * 5000])
    def test_strange_texts_are_refused_everywhere(self, desk: Desk, text: Any) -> None:
        correction = desk.submitted()
        common: dict[str, Any] = {"correction": correction}
        calls = [
            draft_of(desk, target=desk.payout(), values={"channel": "B"}, note=text),
            draft_of(desk, target=desk.payout(), values={"channel": "B"}, ticket=text),
            lambda: services.open_incident(actor=desk.mara, title=text),
            lambda: services.open_incident(actor=desk.mara, title="t", cause=text),
            lambda: services.open_incident(actor=desk.mara, title="t", defect_number=text),
            lambda: services.withdraw(actor=desk.mara, comment=text, **common),
            lambda: services.hold(actor=desk.ana, comment=text, **common),
            lambda: services.reject(actor=desk.chidi, digest=correction.digest, comment=text, **common),
            lambda: services.approve(actor=desk.chidi, digest=correction.digest, comment=text, **common),
            lambda: services.hand_over(actor=desk.chidi, to=desk.carl, comment=text, **common),
            lambda: desk.attach(desk.draft(), note=text),
        ]
        for call in calls:
            assert refusal(call) in {"text_not_usable", "text_too_long"}

    @pytest.mark.parametrize(
        "number", ["6222020000001187", "6222 0200 0000 1187", "4111-1111-1111-1111", "11010519491231002X"]
    )
    def test_a_card_or_identity_number_is_written_into_no_text(self, desk: Desk, number: str) -> None:
        code = refusal(draft_of(desk, target=desk.payout(), values={"channel": "B"}, note=f"Wrong card {number}."))
        assert code == "text_shows_a_protected_number"
        item = desk.attach(desk.draft(), file_name=f"card {number}.txt")
        assert number not in item.filename
        assert item.filename.endswith(f"{number[-4:]}.txt")

    @pytest.mark.parametrize("number", ["6222020000001188", "20261123000001", "DZ-2026-000001", "T-1234567890"])
    def test_other_long_numbers_may_stand_in_a_text(self, desk: Desk, number: str) -> None:
        assert draft_of(desk, target=desk.payout(), values={"channel": "B"}, note=f"Order {number}.")()

    @pytest.mark.parametrize("reason", [None, 5, [], "nonsense", b"process_gap"])
    def test_a_reason_is_one_of_the_list(self, desk: Desk, reason: Any) -> None:
        code = refusal(draft_of(desk, target=desk.payout(), values={"channel": "B"}, reason=reason))
        assert code == "reason_is_required"

    @pytest.mark.parametrize("on_bad_row", [None, [], "ignore"])
    def test_what_happens_to_bad_rows_is_one_of_two(self, desk: Desk, on_bad_row: Any) -> None:
        code = refusal(services.submit, actor=desk.mara, correction=desk.draft(), on_bad_row=on_bad_row)
        assert code == "on_bad_row_unknown"


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time and can't go back, as a network stream does."""

    name = "pipe.txt"

    def __init__(self, content: bytes) -> None:
        self.content = content

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self.content = self.content[:7], self.content[7:]
        return piece


class Liar(io.BytesIO):
    """Says that it is small, and gives everything at once."""

    name, size = "small.txt", 1

    def read(self, size: int | None = -1) -> bytes:
        return super().read()


class Broken(io.BytesIO):
    name = "broken.txt"

    def read(self, size: int | None = -1) -> bytes:
        raise OSError("gone")


class TestFiles:
    @pytest.mark.parametrize("file", [None, "/etc/passwd", b"bytes", 5, io.StringIO("text"), Broken(b"x"), object()])
    def test_what_is_no_readable_file_is_refused(self, desk: Desk, file: Any) -> None:
        code = refusal(services.attach_evidence, actor=desk.mara, correction=desk.draft(), file=file, kind="letter")
        assert code == "evidence_not_readable"

    def test_a_file_is_read_to_its_end_however_it_comes(self, desk: Desk) -> None:
        content = b"The channel confirms that this receipt is longer than one piece."
        item = services.attach_evidence(actor=desk.mara, correction=desk.draft(), file=Pipe(content), kind="letter")
        assert services.open_original(actor=desk.mara, evidence=item) == content

    def test_a_file_that_lies_about_its_size_is_measured(self, desk: Desk, settings: Any) -> None:
        settings.CORRECTIONS_EVIDENCE_BYTES_MAX = 1024 * 1024
        code = refusal(
            services.attach_evidence,
            actor=desk.mara,
            correction=desk.draft(),
            file=Liar(b"x" * (1024 * 1024 + 1)),
            kind="letter",
        )
        assert code == "evidence_too_large"

    @pytest.mark.parametrize(
        ("name", "kept"),
        [("../../etc/passwd.txt", "passwd.txt"), ("C:\\Users\\x\\a.txt", "a.txt"), ("..", "file"), ("", "file"),
         (5, "file"), ("evil\u202etxt.exe.txt", "eviltxt.exe.txt"), ("a\r\nb.txt", "ab.txt"), (".txt", "txt")],
    )  # fmt: skip
    def test_a_name_is_for_people_and_never_a_path(self, desk: Desk, name: Any, kept: str) -> None:
        file = evidence_file()
        file.name = name
        item = services.attach_evidence(actor=desk.mara, correction=desk.draft(), file=file, kind="letter")
        assert item.filename == kept

    def test_a_file_of_a_draft_that_was_withdrawn_is_free_again(self, desk: Desk) -> None:
        first = desk.draft()
        desk.attach(first, text="the only receipt there is")
        services.withdraw(actor=desk.mara, correction=first)
        assert desk.attach(desk.draft(), text="the only receipt there is").pk

    def test_a_file_of_a_submitted_correction_stays_with_it_even_withdrawn(self, desk: Desk) -> None:
        first = desk.draft()
        desk.attach(first, text="shown to a checker once")
        services.submit(actor=desk.mara, correction=first)
        services.withdraw(actor=desk.mara, correction=first)
        with pytest.raises(CorrectionError) as caught:
            desk.attach(desk.draft(), text="shown to a checker once")
        assert caught.value.code == "evidence_used_on_another_correction"
