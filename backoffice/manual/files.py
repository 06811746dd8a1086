"""Refusals that a file, a selection, a data-fix statement or the carrying out of a batch can meet; refusals.py puts
them into the table."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SAVE_ANEW = _("Put it right in your spreadsheet, save it as CSV or XLSX, and upload it again. Nothing was stored.")
TAKE_TEMPLATE = _("Download the template of this kind of record: its first row has the names. Nothing was stored.")
FIX_BAD_ROWS = _("Download the results, correct the bad rows in that file, and upload it on the draft's page.")
SPLIT_IT = _("Make several files, each a correction of its own.")
LOOK_AT_KEY = _(
    "Look the record up under Records. If you can't find it there, ask a user administrator about your roles."
)
COUNT_AGAIN = _("Count the rows without the header, and find out why there are more or fewer before you go on.")
OPEN_OTHER = _("Open the other correction and go on there.")
FILL_IN = _("Choose or type what the page asks for; what you typed elsewhere is kept.")
SEE_PROGRESS = _("Look at the progress on the batch's page: it says what can be done now.")
SEE_RESULTS = _("Download the results: each row says why. Propose again what is still wrong.")
TELL_US = _("Nothing was written. Tell the administrators, with the number and the time.")
KEY_FIRST = _("Sign, keying the values from the evidence; afterwards the rows can be looked at.")

REWRITE = _("Change the statement as the sentence says, and read it again. Nothing was stored.")
SEE_TEMPLATE = _("Take the names of the template of this kind of record; under “Correct many by a file” it is offered.")
ONE_BY_ONE = _("Correct such records on their own pages, or by a file where that is offered.")
ASK_CUSTOMER = _("Let the customer enter it anew, or attach the customer's consent where the policy allows that.")

Row = tuple[str, str | Promise, str | Promise]

FILES: tuple[Row, ...] = (
    ("file_is_empty", _("The file is empty."), SAVE_ANEW),
    ("file_too_large", _("The file is larger than %(megabytes)d MB. Split it."), SAVE_ANEW),
    ("file_format_unknown", _("Only CSV and XLSX files can be read."), SAVE_ANEW),
    ("file_not_readable", "", SAVE_ANEW),
    (
        "file_name_contradicts_content",
        _("The file name says something else than its content, which is “%(found)s”. Save it anew."),
        SAVE_ANEW,
    ),
    ("file_has_nul", _("The file holds NUL bytes, which no text has. Export it anew."), SAVE_ANEW),
    ("encoding_unknown", _("The text is neither UTF-8, nor UTF-16, nor GB 18030. Save it as “CSV UTF-8”."), SAVE_ANEW),
    (
        "encoding_needs_a_mark",
        _("The file looks like UTF-16 without a byte-order mark. Save it as “CSV UTF-8”."),
        SAVE_ANEW,
    ),
    (
        "separator_ambiguous",
        _("Several characters could separate the columns. Save the file with commas, or as .xlsx."),
        SAVE_ANEW,
    ),
    ("quote_not_closed", _("The quotation mark of a cell in line %(line)d is never closed."), SAVE_ANEW),
    (
        "quote_misplaced",
        _(
            "In the row that begins in line %(line)d a quotation mark stands where none may. "
            "Quote the whole cell and double the marks within it."
        ),
        SAVE_ANEW,
    ),
    ("cell_far_too_long", _("A cell in line %(line)d is longer than any table has."), SAVE_ANEW),
    ("cell_not_readable", "", SAVE_ANEW),
    ("cell_not_writable", "", TELL_US),
    ("cell_has_outer_spaces", "", SAVE_ANEW),
    ("header_missing", _("The file has no header: its first row must name the columns."), TAKE_TEMPLATE),
    (
        "header_cell_empty",
        _("Column %(place)d has no heading, but columns to its right have. Name it or delete it."),
        TAKE_TEMPLATE,
    ),
    (
        "header_cell_too_long",
        _("The heading of column %(place)d is too long: the first row must name the columns."),
        TAKE_TEMPLATE,
    ),
    ("header_cell_unusable", _("The heading of column %(column)s isn't text. Type it as text."), TAKE_TEMPLATE),
    ("column_twice", _("Columns %(first)d and %(place)d have the same name. Delete one of them."), TAKE_TEMPLATE),
    ("column_given_twice", "", TAKE_TEMPLATE),
    ("column_is_ambiguous", "", TAKE_TEMPLATE),
    ("unknown_column", "", TAKE_TEMPLATE),
    ("columns_differ_from_the_file", "", FIX_BAD_ROWS),
    ("no_key_column", "", TAKE_TEMPLATE),
    ("no_value_column", "", TAKE_TEMPLATE),
    ("too_many_columns", _("The file has more than %(max)d columns."), TAKE_TEMPLATE),
    ("too_many_rows", "", SPLIT_IT),
    ("too_many_cells", _("The sheet has more than %(max)d cells. Split it, or save it as CSV."), SPLIT_IT),
    ("too_many_formulas", _("The sheet is full of array formulas. Paste their results as values."), SAVE_ANEW),
    ("too_many_bad_rows", "", SAVE_ANEW),
    ("workbook_damaged", _("The workbook is damaged. Open it in a spreadsheet and save it anew as .xlsx."), SAVE_ANEW),
    ("workbook_encrypted", _("The workbook is encrypted. Save it without a password."), SAVE_ANEW),
    (
        "workbook_has_entities",
        _("The workbook defines entities, which no spreadsheet writes. Save it anew as .xlsx."),
        SAVE_ANEW,
    ),
    ("workbook_has_macros", _("The workbook holds macros. Save it as .xlsx without macros."), SAVE_ANEW),
    ("workbook_is_legacy", _("This is a workbook of the old format .xls. Save it as .xlsx."), SAVE_ANEW),
    ("workbook_too_large", _("The workbook is too large when unpacked. Split it."), SPLIT_IT),
    ("workbook_too_slow", _("The workbook takes too long to read. Split it, or save it as CSV."), SPLIT_IT),
    ("cells_merged", _("The sheet has merged cells: %(cells)s. Unmerge them."), SAVE_ANEW),
    (
        "rows_hidden",
        _("Row %(row)d is hidden but holds data. Show all rows, take filters off, or delete it."),
        SAVE_ANEW,
    ),
    ("columns_hidden", _("Column %(column)s is hidden but holds data. Show it or delete it."), SAVE_ANEW),
    ("several_sheets", _("Several sheets hold data: %(sheets)s. Choose one."), SAVE_ANEW),
    ("sheet_hidden", _("The workbook has a hidden sheet, “%(sheet)s”. Show it or delete it."), SAVE_ANEW),
    ("sheet_not_found", _("The workbook has no sheet “%(sheet)s”."), SAVE_ANEW),
    ("key_is_empty", "", SAVE_ANEW),
    ("keys_name_different_records", "", SAVE_ANEW),
    ("target_not_found", "", LOOK_AT_KEY),
    ("target_twice_in_file", "", SAVE_ANEW),
    ("value_taken_within_file", "", SAVE_ANEW),
    ("no_good_row", "", FIX_BAD_ROWS),
    ("rows_are_bad", "", FIX_BAD_ROWS),
    ("line_given_twice", "", FIX_BAD_ROWS),
    ("line_is_not_bad", "", FIX_BAD_ROWS),
    ("line_is_not_in_the_file", "", FIX_BAD_ROWS),
    ("line_not_readable", "", FIX_BAD_ROWS),
    ("no_bad_line_replaced", "", FIX_BAD_ROWS),
    ("expected_rows_differ", "", COUNT_AGAIN),
    ("expected_rows_not_a_number", "", COUNT_AGAIN),
    ("expected_rows_not_usable", _("The number of rows that you expect is a whole number."), COUNT_AGAIN),
    ("batch_source_not_usable", _("A selection comes from a list or from a statement."), TELL_US),
    ("selection_not_usable", _("Name the records by a list of their keys."), FILL_IN),
    ("file_already_in_a_batch", "", OPEN_OTHER),
    ("kind_of_record_is_required", _("Choose the kind of record."), FILL_IN),
    ("no_record_is_chosen", "", FILL_IN),
    ("no_value_is_given", _("Tick at least one field and type its new value."), FILL_IN),
    ("pace_not_readable", "", FILL_IN),
    ("batch_has_no_file", "", SEE_PROGRESS),
    ("correction_is_no_batch", "", SEE_PROGRESS),
    (
        "batch_keeps_its_rows",
        _("The rows of a batch come from its file: upload the corrected file instead."),
        FIX_BAD_ROWS,
    ),
    ("batch_is_not_paused", "", SEE_PROGRESS),
    ("batch_is_paused_already", "", SEE_PROGRESS),
    ("batch_is_stopping", "", SEE_PROGRESS),
    ("batch_was_begun", "", SEE_PROGRESS),
    ("batch_keeps_changing", "", _("Wait until fewer people work on the same records and rules, and do it again.")),
    (
        "no_row_passes_the_checks",
        "",
        _("Read the check's sentence and put right what it names; then submit again."),
    ),
    ("no_chunk_is_due", "", SEE_PROGRESS),
    ("only_an_ended_batch_is_retried", "", SEE_PROGRESS),
    ("nothing_to_retry", "", SEE_PROGRESS),
    ("retry_already_open", "", OPEN_OTHER),
    ("no_row_was_applied", "", SEE_RESULTS),
    ("too_many_rows_refused", "", SEE_RESULTS),
    ("column_is_unknown", "", TELL_US),
    ("values_are_keyed_blindly", "", KEY_FIRST),
)

STATEMENTS: tuple[Row, ...] = (
    ("expected_rows_are_required", "", _("Count the records yourself, in a report or a query, and type the number.")),
    ("statement_is_empty", "", REWRITE),
    ("statement_not_readable", "", REWRITE),
    ("statement_is_too_long", "", REWRITE),
    ("statement_is_nested_too_deeply", "", REWRITE),
    ("statement_has_comment", "", REWRITE),
    ("statement_has_strange_sign", "", REWRITE),
    ("statement_has_backslash", "", REWRITE),
    ("statement_has_hidden_character", "", REWRITE),
    ("statement_quote_not_closed", "", REWRITE),
    ("statement_name_not_plain", "", REWRITE),
    ("statement_number_not_plain", "", REWRITE),
    ("statement_value_has_prefix", "", REWRITE),
    ("statement_is_no_update", "", ONE_BY_ONE),
    ("statement_is_more_than_one", "", REWRITE),
    ("statement_has_subquery", "", REWRITE),
    ("statement_has_forbidden_word", "", REWRITE),
    ("statement_has_function", "", REWRITE),
    ("statement_has_no_where", "", REWRITE),
    ("statement_name_has_schema", "", REWRITE),
    ("statement_table_not_plain", "", REWRITE),
    ("statement_table_not_known", "", SEE_TEMPLATE),
    ("statement_table_is_ambiguous", "", REWRITE),
    ("statement_table_not_updatable", "", ONE_BY_ONE),
    ("statement_field_not_known", "", SEE_TEMPLATE),
    ("statement_field_not_settable", "", ONE_BY_ONE),
    ("statement_field_is_the_customers", "", ASK_CUSTOMER),
    ("statement_field_set_twice", "", REWRITE),
    ("statement_field_not_comparable", "", _("Choose the records by another field, or name them in a file.")),
    ("statement_value_not_literal", "", REWRITE),
    ("statement_value_of_wrong_type", "", REWRITE),
    ("statement_value_not_usable", "", REWRITE),
    ("statement_operator_not_allowed", "", REWRITE),
    ("statement_pattern_too_long", "", REWRITE),
    ("statement_compares_with_null", "", REWRITE),
    ("statement_condition_not_allowed", "", REWRITE),
)
