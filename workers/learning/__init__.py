"""The classifier at work: it serves, is watched, and is trained anew by what agents corrected."""
