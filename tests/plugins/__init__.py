"""Pytest plugins of the suite."""
