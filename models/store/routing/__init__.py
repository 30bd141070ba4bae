"""How tickets wait and who gets them: the queue, the agents, and the rules for both."""
