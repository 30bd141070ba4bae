"""What customers are told and asked without an agent: when, and in which words."""
