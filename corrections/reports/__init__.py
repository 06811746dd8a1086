"""Queries and exporters for compliance: read-only, masked, within the reader's sight. Nothing here writes a row."""
