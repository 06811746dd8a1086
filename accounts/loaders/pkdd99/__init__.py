"""The real bank's data of the PKDD'99 Discovery Challenge: read, mapped to our tables, written in bulk."""

from accounts.loaders.pkdd99.load import Load
from accounts.loaders.pkdd99.source import RowError, UnusableSourceError

__all__ = ["Load", "RowError", "UnusableSourceError"]
