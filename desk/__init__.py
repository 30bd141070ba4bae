"""The desk door: the API and the page where agents, supervisors and admins work."""
