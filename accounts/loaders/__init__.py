"""Loaders of whole books from files: the made-up company and a real bank. They write through `recorded_write` only."""
