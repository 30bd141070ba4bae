"""Whose a ticket is, what it is about, and every move of it: the rules that bind all above."""
