"""What makes the record prove itself: canonical bytes and digests (seals and verification build on them)."""
