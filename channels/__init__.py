"""The ways in which customers reach us; each is a stranger to the others."""
