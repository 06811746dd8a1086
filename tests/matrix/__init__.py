"""The permission matrix: a small world, the way to every address in it, and the answer that each account must get."""
