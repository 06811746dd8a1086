"""Chinese at the desk."""
