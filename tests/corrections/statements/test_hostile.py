"""Statements that somebody might paste by mistake, by habit or in bad faith: each is refused with its reason, at once.

No database is open in these tests: a refusal costs none, and nothing of the text reaches one.
"""

from __future__ import annotations

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.statements import StatementRefused, parse

GOOD = "UPDATE payouts SET status = 'cancelled' WHERE channel = 'X'"
HEAD = "UPDATE payouts SET status = 'cancelled' WHERE "
READABLE = "statement_not_readable"

HOSTILE: list[tuple[str, str, str]] = [
    # Nothing, and what is no UPDATE
    ("empty", "", "statement_is_empty"),
    ("only blanks", " \t\r\n ", "statement_is_empty"),
    ("only a semicolon", ";", "statement_is_empty"),
    ("select", "SELECT * FROM accounts_payout WHERE id = 1", "statement_is_no_update"),
    ("delete", "DELETE FROM accounts_payout WHERE id = 1", "statement_is_no_update"),
    ("insert", "INSERT INTO accounts_payout (status) VALUES ('paid')", "statement_is_no_update"),
    ("drop", "DROP TABLE accounts_payout", "statement_is_no_update"),
    ("truncate", "TRUNCATE accounts_payout", "statement_is_no_update"),
    ("merge", "MERGE INTO payouts USING loans ON TRUE WHEN MATCHED THEN DELETE", "statement_is_no_update"),
    ("replace", "REPLACE INTO payouts (status) VALUES ('paid')", "statement_is_no_update"),
    ("pragma", "PRAGMA writable_schema = 1", "statement_is_no_update"),
    ("set a setting", "SET session_replication_role = 'replica'", "statement_is_no_update"),
    ("common table expression", f"WITH x AS (SELECT 1) {GOOD}", "statement_is_no_update"),
    ("explain", f"EXPLAIN ANALYZE {GOOD}", "statement_is_no_update"),
    ("full-width update", "ＵＰＤＡＴＥ payouts SET status = 'paid' WHERE id = 1", "statement_is_no_update"),
    ("begins with a parenthesis", f"({GOOD})", "statement_is_no_update"),
    # More than one
    ("second statement", f"{GOOD}; DROP TABLE accounts_payout", "statement_is_more_than_one"),
    ("second statement like the first", f"{GOOD}; {GOOD}", "statement_is_more_than_one"),
    ("second statement without semicolon", f"{GOOD} {GOOD}", "statement_is_more_than_one"),
    ("two semicolons", f"{GOOD};;", "statement_is_more_than_one"),
    ("transaction around it", f"BEGIN; {GOOD}; COMMIT", "statement_is_no_update"),
    # Comments
    ("line comment", f"{GOOD} -- and more", "statement_has_comment"),
    ("line comment hides the condition", "UPDATE payouts SET status = 'paid' -- WHERE id = 1", "statement_has_comment"),
    ("block comment", "UPDATE payouts /* all */ SET status = 'paid' WHERE id = 1", "statement_has_comment"),
    ("comment of MySQL", f"{HEAD}id = 1 # AND FALSE", "statement_has_comment"),
    ("conditional comment of MySQL", f"{HEAD}id = 1 /*!50000 OR 1 = 1 */", "statement_has_comment"),
    ("block comment that is not closed", f"{GOOD} /* ", "statement_has_comment"),
    ("double minus before a number", f"{HEAD}id = --5", "statement_has_comment"),
    # Queries inside
    ("sub-select in the condition", f"{HEAD}id IN (SELECT id FROM accounts_loan)", "statement_has_subquery"),
    (
        "sub-select as value",
        "UPDATE payouts SET status = (SELECT code FROM staff) WHERE id = 1",
        "statement_has_subquery",
    ),
    ("exists", f"{HEAD}EXISTS (SELECT 1)", "statement_has_subquery"),
    ("union", f"{HEAD}id = 1 UNION SELECT password FROM staff_user", "statement_has_subquery"),
    ("values", f"{HEAD}id IN (VALUES (1), (2))", "statement_has_subquery"),
    ("table", f"{HEAD}id IN (TABLE accounts_loan)", "statement_has_subquery"),
    # Words of the language that stand for more than a comparison
    ("returning", f"{GOOD} RETURNING number", "statement_has_forbidden_word"),
    (
        "from another table",
        "UPDATE payouts SET status = 'paid' FROM loans WHERE id = 1",
        "statement_has_forbidden_word",
    ),
    ("join", "UPDATE payouts JOIN loans ON TRUE SET status = 'paid' WHERE id = 1", "statement_has_forbidden_word"),
    ("limit", f"{GOOD} LIMIT 1", "statement_has_forbidden_word"),
    ("order", f"{GOOD} ORDER BY id", "statement_has_forbidden_word"),
    ("only", "UPDATE ONLY payouts SET status = 'paid' WHERE id = 1", "statement_has_forbidden_word"),
    ("or replace", "UPDATE OR REPLACE payouts SET status = 'paid' WHERE id = 1", "statement_has_forbidden_word"),
    ("alias with as", "UPDATE payouts AS p SET status = 'paid' WHERE id = 1", "statement_has_forbidden_word"),
    ("case", f"{HEAD}CASE WHEN id = 1 THEN TRUE ELSE FALSE END", "statement_has_forbidden_word"),
    ("cast", f"{HEAD}CAST(amount AS text) = '1'", "statement_has_forbidden_word"),
    ("collate", f"{HEAD}channel = 'x' COLLATE nocase", "statement_has_forbidden_word"),
    ("escape", f"{HEAD}channel LIKE 'x!_' ESCAPE '!'", "statement_has_forbidden_word"),
    ("ilike", f"{HEAD}channel ILIKE 'x'", "statement_has_forbidden_word"),
    ("similar", f"{HEAD}channel SIMILAR TO '(x+)+'", "statement_has_forbidden_word"),
    ("regexp", f"{HEAD}channel REGEXP '(a+)+$'", "statement_has_forbidden_word"),
    ("any", f"{HEAD}id = ANY (1)", "statement_has_forbidden_word"),
    ("cursor", f"{HEAD}CURRENT OF portal", "statement_has_forbidden_word"),
    ("default", "UPDATE payouts SET status = DEFAULT WHERE id = 1", "statement_has_forbidden_word"),
    ("today", f"{HEAD}created_at < CURRENT_DATE", "statement_has_forbidden_word"),
    ("interval", f"{HEAD}created_at < INTERVAL '1' DAY", "statement_has_forbidden_word"),
    ("distinct from", f"{HEAD}card_id IS DISTINCT FROM 1", "statement_has_forbidden_word"),
    ("row value", f"{HEAD}ROW(id, channel) = ROW(1, 'X')", "statement_has_forbidden_word"),
    # Functions, casts, operators
    ("function in the condition", f"{HEAD}lower(channel) = 'x'", "statement_has_function"),
    ("function as value", "UPDATE payouts SET channel = upper('x') WHERE id = 1", "statement_has_function"),
    ("sleep", f"{HEAD}id = 1 OR pg_sleep(100) IS NULL", "statement_has_function"),
    ("read a file", f"{HEAD}channel = pg_read_file('/etc/passwd')", "statement_has_function"),
    ("function in quotes", f"{HEAD}\"lower\"(channel) = 'x'", "statement_has_function"),
    ("cast with colons", f"{HEAD}amount::text = '1'", "statement_has_strange_sign"),
    ("sum", f"{HEAD}id = 1 + 1", "statement_has_strange_sign"),
    ("increment", "UPDATE payouts SET amount = amount * 2 WHERE id = 1", "statement_has_strange_sign"),
    ("difference", f"{HEAD}id = 5 -3", READABLE),
    ("joined texts", f"{HEAD}channel = 'a' || 'b'", "statement_has_strange_sign"),
    ("texts in a row", f"{HEAD}channel = 'a' 'b'", READABLE),
    ("regular expression of PostgreSQL", f"{HEAD}channel ~ '(a+)+$'", "statement_has_strange_sign"),
    ("bits", f"{HEAD}id & 1 = 1", "statement_has_strange_sign"),
    ("null-safe equality", f"{HEAD}id <=> 1", READABLE),
    ("double equality", f"{HEAD}id == 1", READABLE),
    ("json path", f"{HEAD}channel -> 'a' = 'b'", "statement_has_strange_sign"),
    ("array", f"{HEAD}id = [1]", "statement_has_strange_sign"),
    # Placeholders and variables
    ("question mark", f"{HEAD}id = ?", "statement_has_strange_sign"),
    ("percent", f"{HEAD}id = %s", "statement_has_strange_sign"),
    ("colon name", f"{HEAD}id = :id", "statement_has_strange_sign"),
    ("dollar number", f"{HEAD}id = $1", "statement_has_strange_sign"),
    ("variable", f"{HEAD}id = @@version", "statement_has_strange_sign"),
    ("template", f"{HEAD}id = {{{{ 7 }}}}", "statement_has_strange_sign"),
    # Strange ways to write a value
    ("dollar quotes", f"{HEAD}channel = $$X$$", "statement_has_strange_sign"),
    ("escape text", f"{HEAD}channel = E'X'", "statement_value_has_prefix"),
    ("hexadecimal text", f"{HEAD}channel = x'58'", "statement_value_has_prefix"),
    ("national text", f"{HEAD}channel = N'X'", "statement_value_has_prefix"),
    ("text with a character set", f"{HEAD}channel = _utf8'X'", "statement_value_has_prefix"),
    ("date with its word", f"{HEAD}created_at < date '2026-10-01'", "statement_value_has_prefix"),
    ("word that touches a text", f"{HEAD}channel LIKE'X'", "statement_value_has_prefix"),
    ("exponent", f"{HEAD}amount = 1e5", "statement_number_not_plain"),
    ("underscore in a number", f"{HEAD}amount = 1_000", "statement_number_not_plain"),
    ("hexadecimal number", f"{HEAD}id = 0x1F", "statement_number_not_plain"),
    ("number that ends in a point", f"{HEAD}amount = 1.", "statement_number_not_plain"),
    ("number that begins with a point", f"{HEAD}amount = .5", "statement_number_not_plain"),
    ("number with two points", f"{HEAD}amount = 1.2.3", "statement_number_not_plain"),
    ("full-width digits", f"{HEAD}amount = １２", "statement_has_strange_sign"),
    ("thousands", f"{HEAD}amount = 1,000", READABLE),
    ("not a number", f"{HEAD}amount = NaN", "statement_value_not_literal"),
    ("text that is not closed", f"{HEAD}channel = 'X", "statement_quote_not_closed"),
    ("backslash before a quote", f"{HEAD}channel = 'X\\' OR id = 1", "statement_has_backslash"),
    ("name that is not closed", f'{HEAD}"channel = 1', "statement_quote_not_closed"),
    ("typographic quotes", f"{HEAD}channel = ‘X’", "statement_has_strange_sign"),
    ("double quotes around a value", f'{HEAD}channel = "X"', "statement_value_not_literal"),
    ("zero byte", f"{HEAD}id = 1\x00", "statement_has_strange_sign"),
    ("zero byte in a text", f"{HEAD}channel = 'X\x00'", "statement_has_hidden_character"),
    ("text that turns round", f"{HEAD}channel = 'X\u202e'", "statement_has_hidden_character"),
    ("line break in a text", f"{HEAD}channel = 'X\nAND id = 1'", "statement_has_hidden_character"),
    ("no-break space", f"{HEAD}id =\u00a01", "statement_has_strange_sign"),
    ("half a character", f"{HEAD}channel = 'X\ud83d'", "statement_has_hidden_character"),
    ("line break in a new value", "UPDATE payouts SET channel = 'X\n' WHERE id = 1", "statement_has_hidden_character"),
    ("negative zero", f"{HEAD}amount = -0.00", "statement_value_not_usable"),
    # Names
    ("unknown table", "UPDATE staff_user SET is_superuser = TRUE WHERE id = 1", "statement_table_not_known"),
    ("table of the catalogue", "UPDATE pg_authid SET rolsuper = TRUE WHERE rolname = 'x'", "statement_table_not_known"),
    ("table of SQLite's own", "UPDATE sqlite_master SET sql = '' WHERE name = 'x'", "statement_table_not_known"),
    ("history", "UPDATE accounts_historicalpayout SET status = 'paid' WHERE id = 1", "statement_table_not_known"),
    ("the engine's tables", "UPDATE corrections_correction SET state = 'x' WHERE id = 1", "statement_table_not_known"),
    ("schema", "UPDATE public.accounts_payout SET status = 'paid' WHERE id = 1", "statement_table_not_known"),
    ("schema of SQLite", "UPDATE main.payouts SET status = 'paid' WHERE id = 1", "statement_table_not_known"),
    ("database and schema", "UPDATE x.public.payouts SET status = 'paid' WHERE id = 1", "statement_name_has_schema"),
    ("alias", "UPDATE payouts p SET status = 'paid' WHERE id = 1", "statement_table_not_plain"),
    ("two tables", "UPDATE payouts, loans SET status = 'paid' WHERE id = 1", READABLE),
    (
        "table name in capitals and quotes",
        "UPDATE \"PAYOUTS\" SET status = 'x' WHERE id = 1",
        "statement_table_not_known",
    ),
    ("table before a field", f"{HEAD}payouts.id = 1", "statement_name_has_schema"),
    ("Cyrillic а in a name", "UPDATE pаyouts SET status = 'paid' WHERE id = 1", "statement_has_strange_sign"),
    ("Chinese name", f"{HEAD}渠道 = 'X'", "statement_has_strange_sign"),
    ("zero-width space in a name", f"{HEAD}chan\u200bnel = 'X'", "statement_has_strange_sign"),
    ("unicode name of PostgreSQL", f"{HEAD}U&\"ch\\0061nnel\" = 'X'", "statement_name_not_plain"),
    ("name with a space", f"{HEAD}\"channel \" = 'X'", "statement_name_not_plain"),
    ("name that breaks out", f"{HEAD}\"channel' OR 1\" = 'X'", "statement_name_not_plain"),
    ("empty name", f"{HEAD}\"\" = 'X'", "statement_name_not_plain"),
    ("backquotes", f"{HEAD}`channel` = 'X'", "statement_has_strange_sign"),
    ("path of Django", f"{HEAD}branch__name = 'X'", "statement_field_not_known"),
    ("lookup of Django", f"{HEAD}channel__regex = '(a+)+$'", "statement_field_not_known"),
    ("hidden column of the database", f"{HEAD}rowid = 1", "statement_field_not_known"),
    ("system column of PostgreSQL", f"{HEAD}ctid = '(0,1)'", "statement_field_not_known"),
    # Records of which the tables are not open to statements
    ("append-only", "UPDATE postings SET amount = 1 WHERE id = 1", "statement_table_not_updatable"),
    ("the desk's own controls", "UPDATE policies SET priority = 1 WHERE id = 1", "statement_table_not_updatable"),
    # Fields that can't be set
    ("key", "UPDATE payouts SET id = 2 WHERE id = 1", "statement_field_not_settable"),
    ("not correctable", "UPDATE payouts SET number = 'X' WHERE id = 1", "statement_field_not_settable"),
    (
        "protected, and the customer's",
        "UPDATE payouts SET counterparty_account = 'X1' WHERE id = 1",
        "statement_field_is_the_customers",
    ),
    (
        "column of a secret",
        "UPDATE payouts SET counterparty_account_index = 'x' WHERE id = 1",
        "statement_field_is_the_customers",
    ),
    ("what secrets are bound to", "UPDATE payouts SET ref = 'x' WHERE id = 1", "statement_field_not_settable"),
    (
        "the customer's word",
        "UPDATE payouts SET beneficiary_name = 'Li' WHERE id = 1",
        "statement_field_is_the_customers",
    ),
    ("field twice", "UPDATE payouts SET branch = 1, branch_id = 2 WHERE id = 1", "statement_field_set_twice"),
    ("field from a field", "UPDATE payouts SET channel = purpose WHERE id = 1", "statement_value_not_literal"),
    ("condition as a value", "UPDATE payouts SET channel = 'X' AND id = 1 WHERE id = 1", "statement_value_not_literal"),
    ("pair of fields", "UPDATE payouts SET (channel, status) = ('X', 'paid') WHERE id = 1", READABLE),
    ("nothing set", "UPDATE payouts WHERE id = 1", READABLE),
    ("nothing after set", "UPDATE payouts SET WHERE id = 1", READABLE),
    ("set twice", "UPDATE payouts SET channel = 'X' SET status = 'paid' WHERE id = 1", READABLE),
    ("comma too many", "UPDATE payouts SET channel = 'X', WHERE id = 1", READABLE),
    ("unknown status", "UPDATE payouts SET status = 'lost' WHERE id = 1", "value_not_usable"),
    ("empty where it must be filled in", "UPDATE payouts SET branch = NULL WHERE id = 1", "value_not_usable"),
    ("too fine an amount", "UPDATE payouts SET amount = 1.005 WHERE id = 1", "value_has_too_many_decimals"),
    ("quoted amount", "UPDATE payouts SET amount = '1.00' WHERE id = 1", "statement_value_of_wrong_type"),
    ("text for a reference", "UPDATE payouts SET branch = 'Shanghai' WHERE id = 1", "statement_value_of_wrong_type"),
    ("column that is no plain value", "UPDATE parcels SET details = '{}' WHERE id = 1", "statement_field_not_settable"),
    # Conditions
    ("no where", "UPDATE payouts SET status = 'paid'", "statement_has_no_where"),
    ("where within a text", "UPDATE payouts SET channel = ' WHERE id = 1'", "statement_has_no_where"),
    ("empty where", "UPDATE payouts SET status = 'paid' WHERE", READABLE),
    ("two wheres", f"{GOOD} WHERE id = 1", READABLE),
    ("always true", f"{HEAD}1 = 1", "statement_condition_not_allowed"),
    ("true", f"{HEAD}TRUE", "statement_condition_not_allowed"),
    ("or always true", f"{GOOD} OR 1 = 1", "statement_condition_not_allowed"),
    ("or true", f"{GOOD} OR TRUE", "statement_condition_not_allowed"),
    ("number", f"{HEAD}1", "statement_condition_not_allowed"),
    ("field alone", f"{HEAD}channel", "statement_condition_not_allowed"),
    ("field with itself", f"{HEAD}channel = channel", "statement_value_not_literal"),
    ("value on the left", f"{HEAD}'X' = channel", "statement_condition_not_allowed"),
    ("chain of comparisons", f"{HEAD}id = 1 = 1", "statement_condition_not_allowed"),
    ("is true", f"{HEAD}id IS TRUE", "statement_condition_not_allowed"),
    ("not before is", f"{HEAD}card_id NOT IS NOT NULL", READABLE),
    ("not null without is", f"{HEAD}card_id NOT NULL", READABLE),
    ("word of the language for a field", f"{HEAD}IS LIKE 'a%'", READABLE),
    ("word of the language for a value", f"{HEAD}id = LIKE", READABLE),
    ("between within a list", f"{HEAD}id IN (1 AND 2)", "statement_value_not_literal"),
    ("list of nothing", f"{HEAD}id IN ()", "statement_condition_not_allowed"),
    ("in without a list", f"{HEAD}id IN 1", READABLE),
    ("list with a comma too many", f"{HEAD}id IN (1,)", READABLE),
    ("equals null", f"{HEAD}card_id = NULL", "statement_compares_with_null"),
    ("null in a list", f"{HEAD}card_id NOT IN (1, NULL)", "statement_compares_with_null"),
    ("protected field", f"{HEAD}counterparty_account = '6222020000001187'", "statement_field_not_comparable"),
    (
        "index of a protected field",
        f"{HEAD}counterparty_account_index LIKE 'a%'",
        "statement_field_not_comparable",
    ),
    (
        "last digits of a protected field",
        f"{HEAD}counterparty_account_masked = '****1187'",
        "statement_field_not_comparable",
    ),
    ("what secrets are bound to, compared", f"{HEAD}ref IS NOT NULL", "statement_field_not_comparable"),
    (
        "another index",
        "UPDATE staff_cards SET is_active = FALSE WHERE account_index LIKE 'a%'",
        "statement_field_not_comparable",
    ),
    (
        "column that can't be compared",
        "UPDATE parcels SET price = 1 WHERE details = '{}'",
        "statement_field_not_comparable",
    ),
    ("number for a text", f"{HEAD}channel = 1", "statement_value_of_wrong_type"),
    ("text for a number", f"{HEAD}amount > '1'", "statement_value_of_wrong_type"),
    ("part of a key", f"{HEAD}id = 1.5", "statement_value_not_usable"),
    ("key beyond all keys", f"{HEAD}id < 99999999999999999999", "statement_value_not_usable"),
    ("amount finer than the column", f"{HEAD}amount < 1.001", "statement_value_not_usable"),
    ("no such day", f"{HEAD}created_at < '2026-02-30'", "statement_value_not_usable"),
    ("day written otherwise", f"{HEAD}created_at < '01.10.2026'", "statement_value_not_usable"),
    ("week of a year", f"{HEAD}created_at < '2026-W40'", "statement_value_not_usable"),
    ("pattern on a number", f"{HEAD}amount LIKE '1%'", "statement_operator_not_allowed"),
    ("pattern with a backslash", f"{HEAD}channel LIKE 'a\\_b'", "statement_has_backslash"),
    ("pattern without end", f"{HEAD}channel LIKE '{'%a' * 200}'", "statement_pattern_too_long"),
    ("order of truths", "UPDATE parcels SET price = 1 WHERE is_lost < TRUE", "statement_operator_not_allowed"),
    # Size
    ("10,000 parentheses", f"{HEAD}{'(' * 5000}id = 1{')' * 5000}", "statement_is_nested_too_deeply"),
    ("10,000 open parentheses", f"{HEAD}{'(' * 10000}", "statement_is_nested_too_deeply"),
    ("more closed than open", f"{HEAD}id = 1)", READABLE),
    ("parenthesis that stays open", f"{HEAD}(id = 1", READABLE),
    ("not not not", f"{HEAD}{'NOT ' * 2000}id = 1", "statement_is_nested_too_deeply"),
    ("3,000 conditions", f"{HEAD}{' OR '.join(['id=1'] * 3000)}", "statement_is_too_long"),
    ("5,000 values", f"{HEAD}id IN ({','.join(['1'] * 5000)})", "statement_is_too_long"),
    ("4,000 minuses", f"{HEAD}id = {'- ' * 4000}1", "statement_has_strange_sign"),
    ("2,000 equalities", f"{HEAD}id{' = 1' * 2000}", "statement_condition_not_allowed"),
    ("800 negations within", f"{HEAD}id{' = NOT id' * 800}", READABLE),
    ("800 nots and nulls", f"{HEAD}id{' IS NOT NULL' * 800}", READABLE),
    ("1,500 betweens", f"{HEAD}id{' BETWEEN 1' * 1500}", READABLE),
    ("a megabyte", f"{HEAD}channel = '{'x' * 1_000_000}'", "statement_is_too_long"),
    ("a megabyte of open quotes", "UPDATE payouts SET x = " + "'" * 1_000_001, "statement_is_too_long"),
    ("19,000 quotes", "UPDATE payouts SET x = " + "'" * 18_999, "statement_quote_not_closed"),
]


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_statement_is_refused_with_its_reason(text: str, code: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    begin = time.process_time()
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    assert time.process_time() - begin < 1
    assert refused.value.code == code
    sentence = str(refused.value)
    assert sentence
    assert "%(" not in sentence
    # Neither the refusal nor a log repeats what was pasted.
    assert not caplog.records
    assert refused.value.__cause__ is None
    assert "6222020000001187" not in sentence


def test_there_are_many_and_each_is_its_own() -> None:
    assert len(HOSTILE) >= 60
    assert len({name for name, *_ in HOSTILE}) == len(HOSTILE) == len({text for _, text, _ in HOSTILE})


@pytest.mark.parametrize("text", [None, 7, b"UPDATE payouts SET status = 'paid' WHERE id = 1", ["UPDATE"]])
def test_only_text_is_a_statement(text: object) -> None:
    with pytest.raises(StatementRefused) as refused:
        parse(text)  # type: ignore[arg-type]
    assert refused.value.code == "statement_is_empty"


SOUP = [
    *("UPDATE", "SET", "WHERE", "AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL", "LIKE", "TRUE", "NOT NULL"),
    *("=", "<>", "<=", ",", "(", ")", ".", ";", "'X'", "1", "-1", "1.5"),
    *("id", "channel", "status", '"number"', "payouts"),
]
PARTS = ["id = 1", "NOT", "AND", "OR", "(", ")", "channel IN ('X')", "card IS NOT NULL", "number LIKE 'a%'", "="]


@given(
    st.one_of(
        st.lists(st.sampled_from(SOUP), max_size=40).map(lambda parts: HEAD + " ".join(parts)),
        st.lists(st.sampled_from(PARTS), max_size=60).map(lambda parts: HEAD + " ".join(parts)),
        st.lists(st.sampled_from(SOUP), max_size=20).map(lambda parts: " ".join(["UPDATE payouts SET", *parts])),
        st.text(max_size=40).map(lambda text: HEAD + text),
    )
)
def test_any_heap_of_words_is_refused_or_understood_for_good(text: str) -> None:
    try:
        rule = parse(text).rule
    except InvalidInput:
        return
    assert parse(rule).rule == rule


def test_limits_are_within_what_the_parser_bears() -> None:
    """The deepest and longest statement that is read, from as deep in the stack as a page calls it."""
    depth, conditions = limits.STATEMENT_DEPTH_MAX, limits.STATEMENT_CONDITIONS_MAX
    deep = "(NOT " * depth + "id = 1" + ")" * depth
    listed = ",".join(["1"] * 900)
    wide = " OR ".join(f"(id = {number})" for number in range(conditions))

    def from_below(frames: int) -> str:
        return parse(f"{HEAD}({deep[5:-1]}) AND id IN ({listed})").rule if frames == 0 else from_below(frames - 1)

    assert "id IN (1, 1" in from_below(300)
    assert parse(HEAD + wide).rule.count("id = ") == conditions
