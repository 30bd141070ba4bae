"""The four roles, each a process; a module a role, so that each loads only what it needs."""

ROLES = ("intake", "work", "desk", "clock")
"""What ``shouli run`` keeps alive, and what a deployment starts as often as it wants."""
