"""The demonstration: a system of its own, people at its desk, and three customers."""
