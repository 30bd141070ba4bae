"""Customers, what they and we say to each other, and what they are told, asked and sent."""
