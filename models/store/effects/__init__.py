"""What follows from what happened: the numbered events, and who acts on them, or on time."""
