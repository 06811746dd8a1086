"""The test suite; its tree mirrors the packages."""
