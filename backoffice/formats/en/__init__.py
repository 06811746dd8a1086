"""English at the desk."""
