"""What follows by itself from what happened, or from time alone."""
