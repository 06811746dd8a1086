"""Why a statement is not taken. A sentence names place and remedy, and never repeats a value: it may be a secret."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.errors import InvalidInput


class StatementRefused(InvalidInput):
    code = "statement_not_readable"
    message = _(
        "This can't be read as an UPDATE of one table. Write: UPDATE table SET field = 'value' WHERE field = 'value'"
        " AND other_field < 10."
    )

    def __init__(self, message: str | Promise | None = None, /, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message, code=code, **{"field": "text", **details})


# The text


class StatementIsEmpty(StatementRefused):
    code = "statement_is_empty"
    message = _("Paste a statement first: UPDATE table SET field = 'value' WHERE field = 'value'.")


class StatementTooLong(StatementRefused):
    code = "statement_is_too_long"
    message = _(
        "The statement is too long: at most %(characters)s characters, %(conditions)s conditions and %(values)s values"
        " in one list are read. Shorten it, or upload the records as a file."
    )


class StatementTooDeep(StatementRefused):
    code = "statement_is_nested_too_deeply"
    message = _("At most %(max)s pairs of parentheses may stand in each other. Write the condition more plainly.")


class StatementHasComment(StatementRefused):
    code = "statement_has_comment"
    message = _("A comment begins at character %(at)s. Leave comments out: the reason and the note say why.")


class StatementHasStrangeSign(StatementRefused):
    code = "statement_has_strange_sign"
    message = _(
        "The sign at character %(at)s can't stand in a statement. Outside of quoted values only plain letters, digits"
        " and the signs = <> < <= > >= ( ) , are read; nothing is computed and nothing is filled in."
    )


class StatementHasBackslash(StatementRefused):
    code = "statement_has_backslash"
    message = _("A backslash stands at character %(at)s, which databases read in different ways. Leave it out.")


class StatementHasHiddenCharacter(StatementRefused):
    code = "statement_has_hidden_character"
    message = _("An invisible character or a line break stands within a value, at character %(at)s. Take it out.")


class StatementNotClosed(StatementRefused):
    code = "statement_quote_not_closed"
    message = _("The quote at character %(at)s is never closed. Close it; a quote within a value is written twice.")


class StatementNameNotPlain(StatementRefused):
    code = "statement_name_not_plain"
    message = _(
        "The name at character %(at)s is not written plainly. Names have Latin letters, digits and underscores."
    )


class StatementNumberNotPlain(StatementRefused):
    code = "statement_number_not_plain"
    message = _("The number at character %(at)s is not written plainly. Write it such as 1234.56.")


class StatementValueHasPrefix(StatementRefused):
    code = "statement_value_has_prefix"
    message = _("A word stands before the value at character %(at)s. Write the quoted value alone.")


# What it asks for


class StatementIsNoUpdate(StatementRefused):
    code = "statement_is_no_update"
    message = _("Only a statement that begins with UPDATE is read. Records are not created or deleted this way.")


class StatementIsMoreThanOne(StatementRefused):
    code = "statement_is_more_than_one"
    message = _("More than one statement stands here (at character %(at)s). Paste them one by one.")


class StatementHasSubquery(StatementRefused):
    code = "statement_has_subquery"
    message = _(
        "The query at character %(at)s can't stand in a statement. Compare fields of the one table with values."
    )


class StatementHasForbiddenWord(StatementRefused):
    code = "statement_has_forbidden_word"
    message = _(
        "%(word)s (at character %(at)s) can't stand in a statement. Use = <> < <= > >= IN BETWEEN LIKE IS NULL, AND,"
        " OR, NOT and parentheses."
    )


class StatementHasFunction(StatementRefused):
    code = "statement_has_function"
    message = _("The function at character %(at)s can't stand in a statement. Write the value itself.")


class StatementHasNoWhere(StatementRefused):
    code = "statement_has_no_where"
    message = _("The statement has no WHERE: it would change every record. Say which records are meant.")


class StatementNameHasSchema(StatementRefused):
    code = "statement_name_has_schema"
    message = _("The name at character %(at)s is given with a schema or table before it. Write it alone.")


class StatementTableNotPlain(StatementRefused):
    code = "statement_table_not_plain"
    message = _("After UPDATE stands one table by its name: no second table, no alias.")


# Names


class StatementTableNotKnown(StatementRefused):
    code = "statement_table_not_known"
    message = _("There is no such table among the records that can be corrected.")


class StatementTableAmbiguous(StatementRefused):
    code = "statement_table_is_ambiguous"
    message = _("Several tables are called so. Write one of: %(names)s.")


class StatementTableNotUpdatable(StatementRefused):
    code = "statement_table_not_updatable"
    message = _("Records of %(table)s can't be changed by a statement. Use their own page.")


class StatementFieldNotKnown(StatementRefused):
    code = "statement_field_not_known"
    message = _("The table has no field of the name at character %(at)s. Fields are written as in the template file.")


class StatementFieldNotSettable(StatementRefused):
    code = "statement_field_not_settable"
    message = _("%(label)s can't be set by a statement.")


class StatementFieldIsTheCustomers(StatementRefused):
    code = "statement_field_is_the_customers"
    message = _("%(label)s is what the customer declared: no statement sets it.")


class StatementFieldSetTwice(StatementRefused):
    code = "statement_field_set_twice"
    message = _("%(label)s is set twice. Set it once.")


class StatementFieldNotComparable(StatementRefused):
    code = "statement_field_not_comparable"
    message = _("Records can't be chosen by %(label)s: it is protected, or of a kind that can't be compared.")


# Values and conditions


class StatementValueNotLiteral(StatementRefused):
    code = "statement_value_not_literal"
    message = _(
        "The field at character %(at)s is set to, or compared with, something else than a value that is written out."
        " Texts stand in single quotes."
    )


class StatementValueOfWrongType(StatementRefused):
    code = "statement_value_of_wrong_type"
    message = _("%(label)s takes another kind of value. Write %(kind)s.")


class StatementValueNotUsable(StatementRefused):
    code = "statement_value_not_usable"
    message = _("%(label)s: a value that it is compared with can't be read. Write %(kind)s.")


class StatementOperatorNotAllowed(StatementRefused):
    code = "statement_operator_not_allowed"
    message = _("%(label)s can't be compared with %(operator)s.")


class StatementPatternTooLong(StatementRefused):
    code = "statement_pattern_too_long"
    message = _("The pattern for %(label)s has more than %(max)s characters. Shorten it.")


class StatementComparesWithNull(StatementRefused):
    code = "statement_compares_with_null"
    message = _("%(label)s is compared with NULL, which no record ever equals. Write IS NULL or IS NOT NULL.")


class StatementConditionNotAllowed(StatementRefused):
    code = "statement_condition_not_allowed"
    message = _("Each condition is one field, one operator and a value, such as status = 'refused', in this order.")
