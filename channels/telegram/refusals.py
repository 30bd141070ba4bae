"""What Telegram's descriptions mean, for who has to read why an answer was not sent.

The Bot API documents its errors' codes and not their descriptions, which are those that bots were
told; the API's own words always follow.
"""

_SENTENCES = (
    ("bot was blocked", "客户屏蔽了机器人 / The customer has blocked the bot"),
    ("user is deactivated", "客户的账号已注销 / The customer's account is no more"),
    (
        "initiate conversation",
        "客户还没有和机器人说过话 / The customer has not spoken to the bot yet",
    ),
    ("bot was kicked", "机器人被移出了群 / The bot was removed from the group"),
    ("bot is not a member", "机器人不在这个群里 / The bot is not in this group"),
    ("chat not found", "Telegram 不认识这个聊天 / Telegram knows no such chat"),
    ("topic_closed", "这个话题已关闭 / This topic is closed"),
    ("thread not found", "这个话题已不存在 / This topic is no more"),
    (
        "rights to send",
        "群设置不允许机器人发言 / The group's settings do not let the bot speak",
    ),
    (
        "chat_write_forbidden",
        "群设置不允许机器人发言 / The group's settings do not let the bot speak",
    ),
    ("message is too long", "内容太长 / The text is too long"),
)
"""What stands in a description, to a sentence; the first that fits."""


def sentence(description: str) -> str:
    """A sentence in both languages, with Telegram's own words behind it."""
    told = description.lower()
    known = next((said for part, said in _SENTENCES if part in told), "")
    return f"{known or 'Telegram 没有接受 / Telegram refuses it'} [{description}]"
