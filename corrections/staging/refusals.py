"""Why a file, a selection or one of its rows is refused; what single cells refuse stands in engine/values.py."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from corrections.errors import Conflict, InvalidInput, NotAllowed


class UnknownColumn(InvalidInput):
    code = "unknown_column"
    message = _("Column %(place)s, “%(column)s”, names no field that can be corrected. Take the names of the template.")


class ColumnTwice(InvalidInput):
    code = "column_given_twice"
    message = _("Column %(place)s, “%(column)s”, stands for the same as column %(first)s. Remove one of them.")


class AmbiguousColumn(InvalidInput):
    code = "column_is_ambiguous"
    message = _("Column %(place)s, “%(column)s”, could be one of several fields. Take the name of the template.")


class NoKeyColumn(InvalidInput):
    code = "no_key_column"
    message = _("No column says which record a row is about. Add one of these: %(names)s.")


class NoValueColumn(InvalidInput):
    code = "no_value_column"
    message = _("No column holds new values. Add one for each field to correct; the template has them.")


class ExpectedRowsDiffer(InvalidInput):
    code = "expected_rows_differ"
    message = _("You expect %(expected)s rows, but there are %(found)s. Nothing was stored. Look for the difference.")


class TooManyRows(InvalidInput):
    code = "too_many_rows"
    message = _("There are more than %(max)s rows. Split them.")


class TooManyBadRows(InvalidInput):
    code = "too_many_bad_rows"
    message = _("More than %(max)s problems were found: it is probably the wrong file. The first: %(first)s")


class NoGoodRow(InvalidInput):
    code = "no_good_row"
    message = _("No row would change anything: there are none, or every value is already so.")


class FileAlreadyInABatch(Conflict):
    code = "file_already_in_a_batch"
    message = _("This file is already in %(other)s, which is still open. Finish or withdraw that one first.")


class TargetNotFound(InvalidInput):
    """The same for a record that is not there and for one that the maker has no right to."""

    code = "target_not_found"
    message = _("There is no such record among those that you may correct. Check how it is written.")


class OutsideYourScope(NotAllowed):
    code = "record_is_outside_your_scope"
    message = _("The record would come to belong where you have no right to make corrections.")


class TargetTwice(InvalidInput):
    code = "target_twice_in_file"
    message = _("This record is already in line %(line)s. Keep one of the two lines.")


class KeysDisagree(InvalidInput):
    code = "keys_name_different_records"
    message = _("The columns that say which record it is don't agree on one record.")


class KeyIsEmpty(InvalidInput):
    code = "key_is_empty"
    message = _("Nothing says which record this row is about. Fill in %(label)s.")


class OuterSpaces(InvalidInput):
    code = "cell_has_outer_spaces"
    message = _("%(label)s begins or ends with a space. Remove it.")


class NotJson(InvalidInput):
    code = "value_not_json"
    message = _("%(label)s: must be JSON.")


class SeenDiffers(Conflict):
    """I-04: what the maker saw is not what is there. The live value is not told."""

    code = "value_changed_since_request"
    message = _("%(label)s is not what the file says it is now. Download the present values and look again.")


class TakenWithinFile(InvalidInput):
    code = "value_taken_within_file"
    message = _("%(labels)s: another row of this file asks for the same, and no two records may have it.")


class NoFile(InvalidInput):
    code = "batch_has_no_file"
    message = _("This correction doesn't come from a file.")


class ColumnsDiffer(InvalidInput):
    code = "columns_differ_from_the_file"
    message = _("The columns are not those of the file that is corrected. Download its results and fill those in.")


class LineIsNotInIt(InvalidInput):
    code = "line_is_not_in_the_file"
    message = _("Line %(line)s is not in the file that is corrected. Only bad lines can be replaced.")


class LineGivenTwice(InvalidInput):
    code = "line_given_twice"
    message = _("Line %(line)s is given twice. Keep one.")


class LineIsNotBad(InvalidInput):
    code = "line_is_not_bad"
    message = _("Line %(line)s was good and reads differently now. Leave good lines as they are, or out.")


class LineUnreadable(InvalidInput):
    code = "line_not_readable"
    message = _("Line %(line)s, “%(column)s”: %(problem)s")


class NothingReplaced(InvalidInput):
    code = "no_bad_line_replaced"
    message = _("None of the bad lines is in this file, or none was changed.")
