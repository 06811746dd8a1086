"""Every refusal that a user can meet: its code, what it says, and what to do now.

Sentences of refusals that have a class of their own are read from the class; the others, raised with a code only,
are repeated here word for word. A test compares this table with every code that the engine raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backoffice.manual.files import ASK_CUSTOMER, FILES, STATEMENTS
from corrections.errors import CorrectionError

Text = str | Promise


class Topic(models.TextChoices):
    RIGHTS = "rights", _("Who may do it")
    STATE = "state", _("Whether it can be done now")
    MOVED = "moved", _("Something else moved meanwhile")
    INPUT = "input", _("What was entered")
    EVIDENCE = "evidence", _("Evidence")
    FILES = "files", _("Files and batches")
    STORED = "stored", _("Protected values and stored content")


@dataclass(frozen=True)
class Explained:
    code: str
    topic: str
    said: Text
    remedy: Text

    @property
    def sentence(self) -> str:
        """What the refusal says, with dots where it names a record, a field or a number."""
        return re.sub(r"%\(\w+\)\w*?[sdX]", "…", str(self.said))


ASK_ROLE = _("Ask a user administrator whether your roles should cover it, or let a colleague do it who holds them.")
ASK_COLLEAGUE = _("Let another person decide it. A second account of yours doesn't help: persons are compared.")
LOOK_AGAIN = _("Reload the page, look at what stands there now, and decide or enter anew.")
NEXT_CODE = _("Wait until your device shows the next code, and type that one. Is the device's clock right?")
NEW_REQUEST = _("Open the record, look at its present values, and propose again if something is still wrong.")
TYPE_AGAIN = _("Correct the marked field; what you typed elsewhere is kept.")
FOLLOW_STATE = _("Look at the state at the top of the page: it says what can be done now, and by whom.")
BRING_FILE = _("Bring the file in one of the accepted kinds: pdf, png, jpeg, txt, eml, csv, xlsx.")
TELL_COMPLIANCE = _("Nothing was done. Don't repeat it: tell compliance and the administrators, with the number.")
TELL_ADMINISTRATORS = _("Nothing was done. Tell the administrators, with the number and the time.")
DOWNLOAD = _("Download the original and look at it with a program of yours.")
WAIT_OR_ASK = _("Wait, or ask the person who placed it; the page names him or her.")

TRIED_AGAIN = _("A batch is tried again by itself. Where it was paused, tell the administrators, then resume it.")
ANSWER_WARNING = _("Look into what the machine says, tick it, choose why it is in order, and say it in words if asked.")
KEY_AGAIN = _("Read the value from the evidence and type it; nothing is filled in, and copying is refused.")
TICK_ROWS = _("Open the rows drawn at random on the page, compare each with the evidence, and tick it.")
ENTER_CODE = _("Type the six digits that your authenticator app shows; under “Token” you set one up.")

NAMES_OF_POLICIES = _("Choose from what the form offers; codes and names are written as they stand there.")

Row = tuple[str, Text, Text]

RIGHTS: tuple[Row, ...] = (
    ("handler_cannot_correct", "", ASK_COLLEAGUE),
    ("handler_cannot_decide", "", ASK_COLLEAGUE),
    ("signer_cannot_apply", "", _("Let another executor apply it, one who has not signed it.")),
    (
        "keyed_wrongly_too_often",
        "",
        _("Let another checker key and sign it, or return it to its maker with what differs."),
    ),
    ("token_is_required", "", ENTER_CODE),
    ("not_allowed", "", ASK_ROLE),
    ("maker_role_is_required", "", ASK_ROLE),
    ("executor_role_is_required", "", ASK_ROLE),
    ("statements_are_off", "", _("Bring the records as a file. Whoever runs the site can switch statements on.")),
    ("record_is_outside_your_scope", "", ASK_ROLE),
    ("correction_is_outside_your_scope", "", ASK_ROLE),
    ("step_is_not_yours", "", ASK_ROLE),
    ("maker_cannot_decide", "", ASK_COLLEAGUE),
    ("maker_cannot_apply", "", ASK_COLLEAGUE),
    ("person_has_decided_already", "", ASK_COLLEAGUE),
    ("superuser_cannot_decide", "", ASK_COLLEAGUE),
    ("only_the_maker_withdraws", "", _("Ask the maker to withdraw it, or return or reject it as a checker.")),
    ("actor_is_required", "", _("Sign in again.")),
    ("actor_is_not_active", "", ASK_ROLE),
    ("actor_needs_a_person", "", _("Sign in with the account that belongs to you as a person.")),
    ("receiver_cannot_decide", "", _("Choose another colleague from the list; it names who can decide.")),
    ("history_report_needs_compliance", "", ASK_ROLE),
    ("rights_changed_meanwhile", "", ASK_ROLE),
    (
        "token_is_not_yours_to_remove",
        "",
        _("Ask a user administrator to remove it; your own goes with a code."),
    ),
    (
        "break_glass_is_not_allowed",
        "",
        _("Let the people sign whom the way to approval names. Ask the user administrator if nobody can."),
    ),
    (
        "break_glass_needs_a_senior",
        "",
        _("Ask a senior checker or the president of the branch; or let the open step be signed."),
    ),
    (
        "lent_role_is_not_yours",
        "",
        _("Lend a role of your own that signs, on a branch where you hold it. Whoever lent you one must lend it anew."),
    ),
    ("delegation_is_not_yours", "", _("Ask whoever gave or received it, or a user administrator.")),
    ("user_admin_role_is_required", "", _("Ask a user administrator: one asks for the role, another gives it.")),
    ("own_roles_are_not_yours_to_change", "", _("Ask the other user administrators: one asks, another gives.")),
    ("role_takes_a_second_person", "", _("Ask another user administrator. A second account of yours doesn't help.")),
    ("user_admins_are_enough", "", _("Let these two act: one asks for the role in the admin, the other gives it.")),
    ("clock_is_for_machines", "", _("Run expire_corrections with its own account, or ask compliance.")),
    ("notice_is_not_yours", "", _("Open your own inbox: only your notices stand there.")),
    ("signatures_are_missing", "", _("Wait until everybody has signed whom the policy demands.")),
)

STATE: tuple[Row, ...] = (
    ("correction_is_cooling_off", "", _("Wait until then. Whoever sees now that it is wrong returns or withdraws it.")),
    ("illegal_state", "", FOLLOW_STATE),
    ("correction_is_not_editable", "", FOLLOW_STATE),
    ("correction_is_not_on_hold", "", FOLLOW_STATE),
    ("correction_is_on_hold", "", WAIT_OR_ASK),
    ("no_step_is_open", "", FOLLOW_STATE),
    ("correction_needs_no_countersignature", "", FOLLOW_STATE),
    ("correction_is_countersigned_already", "", _("Nothing is left to do: the signatures stand on the page.")),
    ("correction_is_referred_already", "", _("Nothing is left to do. Release the hold when it may go on.")),
    ("delegation_is_over", "", _("Nothing is left to do: it lends nothing any more.")),
    ("role_request_is_decided", "", _("Reload the page: it says who decided, and when.")),
    ("role_was_asked_for_already", "", _("Nothing is left to do: another user administrator gives or refuses it.")),
    ("role_is_held_already", "", _("Nothing is left to do.")),
    ("role_is_not_held", "", _("Reload the page: it says which roles the account holds.")),
    ("clock_finds_nothing_due", "", _("Nothing is left to do: the clock looks again in its next round.")),
    ("only_applied_is_reverted", "", FOLLOW_STATE),
    ("revert_already_open", "", _("Open that revert from the correction's page and go on there.")),
    ("correction_is_out_of_time", "", NEW_REQUEST),
    ("not_expired_yet", _("This correction's time is not over yet."), FOLLOW_STATE),
    (
        "too_many_revisions",
        _("This correction came back %(max)s times. Start a new one."),
        _("Withdraw it and propose anew, with the evidence that was asked for."),
    ),
    ("token_is_not_set_up", "", _("Open “Token” beside your name at the top of the page, and set one up.")),
    ("token_is_set_up_already", "", _("Use it. To take another device, remove it first, with a code of it.")),
    ("no_policy_matches", "", _("Ask a policy administrator. Nothing is applied without a policy.")),
    ("correction_refused", "", FOLLOW_STATE),
    ("correction_not_found", _("There is no such correction."), _("Look it up by its number in the register.")),
)

MOVED: tuple[Row, ...] = (
    ("tier_was_raised", "", LOOK_AGAIN),
    ("exchange_rate_is_missing", "", _("Ask a policy administrator to add a rate under “Records”, then submit again.")),
    ("keyed_value_differs", "", KEY_AGAIN),
    ("conflict", "", LOOK_AGAIN),
    ("correction_changed_since_shown", "", LOOK_AGAIN),
    ("value_changed_since_request", "", NEW_REQUEST),
    ("record_not_found", "", NEW_REQUEST),
    ("nothing_to_restore", "", NEW_REQUEST),
    ("field_held_by_open_correction", "", _("Open the other correction; both can't hold the same field.")),
    (
        "delegate_has_signed_for_you",
        "",
        _("Nothing is left to do for you: the signature in your stead is yours. The next step needs another person."),
    ),
    ("database_is_busy", "", LOOK_AGAIN),
    ("database_failed", "", TRIED_AGAIN),
    ("database_disk_is_full", "", TRIED_AGAIN),
    ("statement_took_too_long", "", TRIED_AGAIN),
    ("database_connection_was_lost", "", TRIED_AGAIN),
    ("guards_are_missing", "", TRIED_AGAIN),
    ("table_has_changed", "", _("Ask the administrators what changed, then make a new batch of what was not applied.")),
    ("target_not_readable", _("The record holds values that can't be read. Load it again."), LOOK_AGAIN),
    ("row_count_differs", "", NEW_REQUEST),
    ("database_refused", "", _("Put the other records that hang together with it into the same correction.")),
    ("written_value_differs", "", TELL_ADMINISTRATORS),
    ("working_hours_cannot_be_counted", "", TELL_ADMINISTRATORS),
    ("record_has_dependants", "", _("Add the records that refer to it, or void the record instead of deleting it.")),
    ("token_must_wait", "", _("Wait until then. Each further wrong code doubles the time.")),
    ("machine_check_failed", "", _("Read the check's sentence and put right what it names; then submit again.")),
)

INPUT: tuple[Row, ...] = (
    ("value_must_be_keyed_again", "", KEY_AGAIN),
    ("rekeyed_not_readable", _("Give what was keyed by change and field."), KEY_AGAIN),
    ("sampled_rows_are_not_confirmed", "", TICK_ROWS),
    ("confirmed_row_was_not_drawn", "", LOOK_AGAIN),
    ("confirmed_not_readable", "", TICK_ROWS),
    ("warning_needs_acknowledgement", "", ANSWER_WARNING),
    ("acknowledgement_needs_words", "", ANSWER_WARNING),
    ("acknowledgements_not_readable", _("Give the answers by check."), ANSWER_WARNING),
    ("invalid_input", "", TYPE_AGAIN),
    ("why_is_required", "", TYPE_AGAIN),
    ("delegate_is_not_possible", "", _("Choose another colleague from the list.")),
    ("delegation_scope_unknown", "", TYPE_AGAIN),
    ("delegation_days_not_usable", "", TYPE_AGAIN),
    ("too_many_delegations", "", _("Take back one that is not needed any more.")),
    ("role_is_not_known", "", TYPE_AGAIN),
    (
        "account_cannot_hold_this_role",
        "",
        _("Choose an account in use, of a person in use. A superuser's and a machine's never decide."),
    ),
    ("value_not_usable", "", TYPE_AGAIN),
    (
        "break_glass_needs_a_reason",
        "",
        _("Type the reason: it stands beside your signature, and whoever countersigns reads it."),
    ),
    ("value_not_plain_integer", _("must be a whole number such as 12."), TYPE_AGAIN),
    (
        "value_not_plain_decimal",
        _("must be a plain decimal number such as 1234.56. Type it without signs, spaces or separators."),
        TYPE_AGAIN,
    ),
    ("value_has_too_many_decimals", _("has more than %(places)s decimal places. Round it."), TYPE_AGAIN),
    ("value_too_long", _("longer than %(max)s characters. Shorten it."), TYPE_AGAIN),
    (
        "value_has_invisible_character",
        _("contains the invisible character U+%(point)04X. Type the value again without it."),
        TYPE_AGAIN,
    ),
    ("value_not_json", _("must be JSON."), TYPE_AGAIN),
    ("value_typed_but_not_ticked", "", TYPE_AGAIN),
    ("form_not_genuine", "", NEW_REQUEST),
    ("reference_not_found", _("no such record. Choose one from the list."), TYPE_AGAIN),
    ("row_would_be_invalid", _("The record would break a rule of its own."), TYPE_AGAIN),
    ("card_number_invalid", _("A card number has 12 to 19 digits."), TYPE_AGAIN),
    ("identity_number_invalid", _("An identity number has 5 to 30 letters and digits."), TYPE_AGAIN),
    (
        "mobile_number_invalid",
        _("A mobile number has 7 to 15 digits, with a + before the country code."),
        TYPE_AGAIN,
    ),
    (
        "account_number_invalid",
        _("An account number has up to 34 digits and letters, with - or / between them."),
        TYPE_AGAIN,
    ),
    ("value_of_wrong_type", _("can't be a value of this type. Enter it as text."), TYPE_AGAIN),
    ("value_is_no_single_moment", _("the clock is changed in that hour. Add the offset, such as +01:00."), TYPE_AGAIN),
    ("value_given_twice", _("%(label)s is given twice."), TYPE_AGAIN),
    ("values_not_readable", _("Give the new values by field name."), TYPE_AGAIN),
    (
        "scope_not_known",
        _("This record can't be told to belong to a branch before the record it refers to is there."),
        _("Add the record that it refers to first, or make it a correction of its own."),
    ),
    ("token_is_wrong", "", NEXT_CODE),
    ("token_removal_needs_a_reason", "", TYPE_AGAIN),
    ("password_is_wrong", "", _("Type the password with which you sign in. Wrong ones make you wait.")),
    ("nothing_changes", "", _("Enter a value that differs from the present one, or leave the record alone.")),
    ("customer_must_declare", "", ASK_CUSTOMER),
    ("customer_consent_is_required", "", ASK_CUSTOMER),
    ("field_not_correctable", "", _("This field is changed by its own process, not here.")),
    ("model_not_correctable", "", _("Records of this kind are changed by their own process, not here.")),
    ("action_not_allowed", "", _("Void the record by its status, or add a counter-entry.")),
    ("delete_takes_no_values", _("A record that is deleted takes no new values."), TYPE_AGAIN),
    ("too_many_changes", _("A correction holds at most %(max)s records. Split it."), _("Make two corrections.")),
    (
        "target_already_in_it",
        _("This record is already part of the correction. Remove it there first."),
        _("Remove the record from the correction, then add it with all its new values."),
    ),
    ("change_not_found", _("This record is not part of the correction any more."), LOOK_AGAIN),
    (
        "change_is_referred_to",
        _("Another record of this correction refers to it. Remove that one first."),
        _("Remove the record that refers to it first."),
    ),
    (
        "revert_takes_no_more_changes",
        _("A revert restores what another correction wrote; it takes no further records."),
        _("Propose the further change as a correction of its own."),
    ),
    ("correction_is_empty", _("There is nothing to change: add a record first."), TYPE_AGAIN),
    ("reason_is_required", _("Choose a reason from the list."), TYPE_AGAIN),
    ("note_is_required", _("Write a note: what is wrong, and how you know."), TYPE_AGAIN),
    ("comment_is_required", "", TYPE_AGAIN),
    ("text_too_long", _("The %(label)s is longer than %(max)s characters. Shorten it."), TYPE_AGAIN),
    (
        "text_shows_a_protected_number",
        _("The text holds a card or identity number in clear. Leave it out, or write its last four digits."),
        TYPE_AGAIN,
    ),
    ("text_not_usable", _("The text has an invisible character."), TYPE_AGAIN),
    ("incident_title_is_required", _("Give the incident a short title."), TYPE_AGAIN),
    ("incident_not_found", _("Choose an incident from the list."), TYPE_AGAIN),
    ("on_bad_row_unknown", _("Choose what happens to bad rows."), TYPE_AGAIN),
    ("filter_not_known", "", _("Take the filters above the list; other questions to it are refused.")),
    ("filter_cannot_be_used", "", TYPE_AGAIN),
    ("event_kind_unknown", "", TYPE_AGAIN),
    ("export_format_unknown", _("Choose CSV or XLSX."), TYPE_AGAIN),
    ("export_is_too_large", "", _("Make several exports, one after the other.")),
    ("search_not_usable", _("Search for a whole number or name, without line breaks."), TYPE_AGAIN),
    ("page_not_known", _("There is no such page of this list."), _("Go back to the first page.")),
    ("day_not_usable", _("Give the day as year-month-day, such as 2026-11-23."), TYPE_AGAIN),
    (
        "controls_are_corrected_apart",
        _("The desk's own controls are corrected apart from business records. Start a correction of their own."),
        _("Take this record into a correction of its own."),
    ),
    ("policy_profile_unknown", "", TYPE_AGAIN),
    ("policy_is_not_in_force", "", _("Open the policies, and take the version that is in force.")),
    (
        "policy_list_not_readable",
        _("This must be a list of at most %(max)s different names."),
        TYPE_AGAIN,
    ),
    ("policy_names_unknown_kind", _("There is no such kind of record: %(what)s."), NAMES_OF_POLICIES),
    (
        "policy_names_unknown_field",
        _("No kind of record that this policy is about has such a field: %(what)s."),
        NAMES_OF_POLICIES,
    ),
    ("policy_names_unknown_action", _("There is no such action: %(what)s."), NAMES_OF_POLICIES),
    ("policy_names_unknown_reason", _("There is no such reason: %(what)s."), NAMES_OF_POLICIES),
    ("policy_names_unknown_impact", _("There is no such impact: %(what)s."), NAMES_OF_POLICIES),
    (
        "policy_names_unknown_currency",
        _("There is no exchange rate for this currency: %(what)s."),
        _("Propose an exchange rate for it first, or choose another currency."),
    ),
    ("policy_names_unknown_evidence", _("There is no such kind of evidence: %(what)s."), NAMES_OF_POLICIES),
    ("policy_names_unknown_flag", _("There is no such risk flag: %(what)s."), NAMES_OF_POLICIES),
    ("policy_names_unknown_check", _("There is no such check: %(what)s."), NAMES_OF_POLICIES),
    ("policy_adds_up_by_nothing", _("Amounts can't be added up by: %(what)s."), NAMES_OF_POLICIES),
    (
        "policy_adds_up_over_no_days",
        _("Say over how many days earlier amounts are added up."),
        TYPE_AGAIN,
    ),
    (
        "policy_band_is_empty",
        _("No amount is in this band: amounts at stake are never below zero, and “below” is not included."),
        TYPE_AGAIN,
    ),
    (
        "policy_has_no_executor",
        _("What is applied with the last approval has no executor. Choose one of the two."),
        TYPE_AGAIN,
    ),
    ("policy_number_too_large", _("At most %(max)s."), TYPE_AGAIN),
    ("policy_column_unknown", _("A policy has no such column: %(what)s."), NAMES_OF_POLICIES),
    ("policy_has_no_steps", _("A policy needs at least one step, or nobody could approve."), TYPE_AGAIN),
    ("policy_has_too_many_steps", _("At most %(max)s steps."), TYPE_AGAIN),
    ("policy_step_needs_people", _("Step %(step)s: between 1 and %(max)s people."), TYPE_AGAIN),
    ("policy_step_not_readable", _("Step %(step)s: there is no such role, place or token."), TYPE_AGAIN),
    (
        "policy_can_never_be_signed",
        _("Step %(step)s: a %(role)s never signs such corrections, so nobody could approve them."),
        _("Choose a role whose people see such corrections and sign them."),
    ),
    ("trial_not_usable", _("Choose a field, and an action that records of this kind allow."), TYPE_AGAIN),
)

EVIDENCE: tuple[Row, ...] = (
    (
        "kind_of_evidence_is_required",
        "",
        _("Attach a file and choose that kind for it; the draft lists what is missing."),
    ),
    ("evidence_is_required", "", _("Attach a file that proves what is wrong, then submit again.")),
    ("file_is_required", _("Choose a file, drop it here, or paste a screenshot."), TYPE_AGAIN),
    ("evidence_kind_is_required", _("Choose a kind of evidence from the list."), TYPE_AGAIN),
    ("evidence_used_on_another_correction", "", _("Bring a file of its own, or open one incident for both.")),
    ("evidence_already_attached", "", _("It is there already; attach another file or go on.")),
    ("evidence_not_found", _("This file was already removed."), LOOK_AGAIN),
    (
        "evidence_type_not_allowed",
        _("Files of this kind are not accepted as evidence."),
        BRING_FILE,
    ),
    (
        "evidence_name_contradicts_content",
        _("The file name says “%(claimed)s”, but the content is “%(found)s”. Rename the file or save it anew."),
        BRING_FILE,
    ),
    (
        "evidence_name_not_allowed",
        _("The file name is empty or holds characters that can't be shown. Rename the file."),
        _("Rename the file with plain letters and digits."),
    ),
    ("evidence_not_readable", _("The file can't be read. Choose it again."), BRING_FILE),
    ("evidence_is_empty", _("The file is empty."), BRING_FILE),
    (
        "evidence_too_large",
        _("The file is larger than %(megabytes)d MB."),
        _("Bring a smaller one: fewer pages, or an image of fewer pixels."),
    ),
    ("too_much_evidence", _("A correction holds at most %(max)s files."), _("Put several pages into one file.")),
    ("no_preview", "", DOWNLOAD),
    ("preview_kind_unknown", _("This file can't be shown here. Download it instead."), DOWNLOAD),
    ("preview_page_unknown", _("This file has no such page to show."), DOWNLOAD),
    ("preview_too_large", _("This image has too many pixels to be shown. Download it instead."), DOWNLOAD),
)

STORED: tuple[Row, ...] = (
    ("integrity_broken", "", TELL_COMPLIANCE),
    ("content_differs_from_what_was_submitted", "", TELL_COMPLIANCE),
    ("content_differs_from_what_was_signed", "", TELL_COMPLIANCE),
    (
        "evidence_file_changed",
        _("The stored evidence file is not the one that was attached. Tell compliance."),
        TELL_COMPLIANCE,
    ),
    ("evidence_file_missing", _("The evidence file is missing from the store. Tell compliance."), TELL_COMPLIANCE),
    ("referred_row_was_not_created", "", TELL_ADMINISTRATORS),
    ("image_is_missing", _("A before-image is missing, so nothing was written."), TELL_ADMINISTRATORS),
    ("secret_unreadable", "", TELL_COMPLIANCE),
    (
        "secret_altered",
        _("This protected value was altered, or belongs to another record."),
        TELL_COMPLIANCE,
    ),
    ("data_key_altered", _("A stored key has been altered."), TELL_COMPLIANCE),
    ("secret_key_unknown", _("The key of this value is not known."), TELL_ADMINISTRATORS),
    (
        "secret_key_destroyed",
        _("This value was erased: its key has been destroyed."),
        _("It was erased for good, at the customer's wish. Ask the customer anew if it is needed."),
    ),
    ("master_key_missing", _("The master key “%(key)s” is missing from FIELD_KEYS."), TELL_ADMINISTRATORS),
    (
        "secret_not_sealed",
        _("A protected value must be saved with its row before it is pickled or updated in bulk."),
        TELL_ADMINISTRATORS,
    ),
    ("secret_has_no_owner", _("A protected value needs an owner before it can be stored."), TELL_ADMINISTRATORS),
)

TABLE: dict[Topic, tuple[Row, ...]] = {
    Topic.RIGHTS: RIGHTS,
    Topic.STATE: STATE,
    Topic.MOVED: MOVED,
    Topic.INPUT: INPUT + STATEMENTS,
    Topic.EVIDENCE: EVIDENCE,
    Topic.FILES: FILES,
    Topic.STORED: STORED,
}


def _classes(kind: type[CorrectionError] = CorrectionError) -> Iterator[type[CorrectionError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _classes(child)


# A code that is given to one of the general refusals keeps its sentence.
GENERAL = {
    "maker_role_is_required": "not_allowed",
    "record_is_outside_your_scope": "not_allowed",
    "correction_is_outside_your_scope": "not_allowed",
    "correction_is_not_editable": "illegal_state",
    "correction_is_not_on_hold": "illegal_state",
    "no_step_is_open": "illegal_state",
    "event_kind_unknown": "filter_cannot_be_used",
    "referred_row_was_not_created": "integrity_broken",
    "only_applied_is_reverted": "illegal_state",
    "only_an_ended_batch_is_retried": "illegal_state",
}


@lru_cache(maxsize=1)
def explained() -> tuple[Explained, ...]:
    """The whole table; texts stay lazy, so that each reader has them in his language."""
    sentences = {kind.code: kind.message for kind in _classes()}
    return tuple(
        Explained(code, topic, said or sentences[GENERAL.get(code, code)], remedy)
        for topic, rows in TABLE.items()
        for code, said, remedy in rows
    )
