"""From raw envelopes to messages of tickets."""
