"""What WeChat and WeCom have in common: sealed posts, and an API that answers with codes."""
