"""What the classifier has learnt, what it learns from, and how it does at work."""
