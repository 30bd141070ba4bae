"""What can be set for the Telegram channel."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from models.platform_api import ApiUrl


class Options(BaseModel):
    """Settings of the Telegram channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr = Field(
        description="机器人令牌，由 @BotFather 给出 / The bot's token, from @BotFather."
    )
    account: str = Field(
        "telegram",
        min_length=1,
        max_length=64,
        description="账号名，用来区分 / Name of the account, to tell several apart.",
    )
    username: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_]{0,32}$",
        description="机器人用户名（不带 @），群里提到它才受理；不写则不理群消息"
        " / The bot's user name without @: in groups it hears what mentions it. Without it,"
        " groups are not heard.",
    )
    webhook: str | None = Field(
        None,
        pattern=r"^https?://[^\s]+$",
        description="本服务 /telegram/webhook 的公网地址；不写则轮询（getUpdates）"
        " / Public address of this server's /telegram/webhook; without it updates are polled.",
    )
    base_url: ApiUrl = Field(
        "https://api.telegram.org",
        description="Bot API 的地址；自建 Bot API 服务时改 / Address of the Bot API.",
    )
    poll_seconds: int = Field(
        25,
        ge=0,
        le=50,
        description="一次长轮询等待的秒数 / Seconds that one long poll waits.",
    )
    pace_seconds: float = Field(
        1.0,
        ge=0,
        le=10,
        description="同一聊天两条消息之间的秒数 / Seconds between two messages to one chat.",
    )
    timeout_seconds: float = Field(
        20.0, gt=0, le=60, description="等待 Telegram 应答的秒数 / Seconds to wait for an answer."
    )

    @field_validator("token")
    @classmethod
    def _looks_like_one(cls, token: SecretStr) -> SecretStr:
        number, colon, rest = token.get_secret_value().partition(":")
        if not (number.isdigit() and colon and rest) or "/" in rest:
            raise ValueError(
                "令牌形如 123456:ABC…，请从 @BotFather 复制"
                " / A token looks like 123456:ABC…; copy it from @BotFather"
            )
        return token
