"""The people who work at the desk, their sign-in accounts, and their roles."""
