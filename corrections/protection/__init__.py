"""Secrets and evidence at rest: encryption, masks, blind index, file types, previews; knows no correction."""
