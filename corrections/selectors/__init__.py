"""Every read model of the pages, always filtered by the actor through permissions.py; nothing here writes."""
