"""The same corrections under django-maker-checker, on tables of its own; only corrections.py uses it."""
