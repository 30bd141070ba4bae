"""How the whole system stands: figures for programs, a status for people, and logs."""
