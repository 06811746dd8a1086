"""A desk to look at: a made-up company, its staff, and corrections in every state, made through the public services."""
