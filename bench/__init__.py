"""Measurements of the running system; ``make bench`` runs the two that have bars."""
