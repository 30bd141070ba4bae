"""The four roles, each a process; a module a role, so that each loads only what it needs."""
