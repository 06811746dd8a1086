"""The desk in a real browser: what a person sees, clicks, types, drops and pastes."""
