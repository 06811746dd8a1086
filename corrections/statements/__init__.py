"""Data-fix statements: an UPDATE that was pasted as text, understood as a rule over one registered model.

The text never runs, and nothing of it reaches a database: it is cut into pieces of a small language, parsed, held
against a list of what may stand in the tree, and rebuilt. Nothing here reads or writes rows.
"""

from corrections.statements.parse import Statement, parse
from corrections.statements.refusals import StatementRefused

__all__ = ["Statement", "StatementRefused", "parse"]
