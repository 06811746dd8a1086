"""A tiny app that proves the engine works without the business apps."""
