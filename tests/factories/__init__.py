"""Factories of the rows that tests need, one file per app; plain named people, made-up numbers."""
