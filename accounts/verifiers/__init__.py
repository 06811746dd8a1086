"""Adapters to outside services that verify what a customer declared; off until a company sets one up."""

from __future__ import annotations

from accounts.verifiers.card import Answer, Elements, Outcome, verify
from accounts.verifiers.setup import Setup, configured

__all__ = ["Answer", "Elements", "Outcome", "Setup", "configured", "verify"]
