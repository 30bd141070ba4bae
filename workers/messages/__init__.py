"""The way of a message: accepted, read, labelled, given to an agent, and answered."""
