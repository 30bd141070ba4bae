"""Complaints (投诉) and what follows: improvements, incidents (危机), follow-ups (回访)."""
