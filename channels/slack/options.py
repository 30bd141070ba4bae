"""What can be set for the Slack channel."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Options(BaseModel):
    """Settings of the Slack channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bot_token: SecretStr = Field(description="机器人令牌 xoxb-… / The app's bot token, xoxb-…")
    signing_secret: SecretStr | None = Field(
        None,
        description="Signing Secret；填了就在 /slack/events 接收事件"
        " / The signing secret: with it events are received at /slack/events.",
    )
    app_token: SecretStr | None = Field(
        None,
        description="应用级令牌 xapp-…；填了就用 Socket Mode，不需要公网地址"
        " / App-level token, xapp-…: with it Socket Mode, which needs no public address.",
    )
    account: str = Field(
        "slack",
        min_length=1,
        max_length=64,
        description="账号名，用来区分工作区 / Name of the account, to tell workspaces apart.",
    )
    listen: Literal["all", "mentions"] = Field(
        "all",
        description="频道里受理哪些消息：all 全部，mentions 只有提到应用的；私信总是受理"
        " / Which messages of its channels are taken: all, or those that mention the app."
        " Direct messages always are.",
    )
    base_url: str = Field(
        "https://slack.com/api/",
        pattern=r"^https?://[^\s]+/$",
        description="Web API 的地址，以 / 结尾 / Address of the Web API, with a slash at its end.",
    )
    pace_seconds: float = Field(
        1.0,
        ge=0,
        le=10,
        description="同一频道两条消息之间的秒数 / Seconds between two messages to one channel.",
    )
    timeout_seconds: int = Field(
        20, gt=0, le=60, description="等待 Slack 应答的秒数 / Seconds to wait for an answer."
    )
    backfill_seconds: float = Field(
        30.0,
        gt=0,
        le=300,
        description="多久记一次“听到这里”，停机后从那里补取"
        " / How often it is noted how far was heard; a gap after downtime is made up from there.",
    )

    @field_validator("bot_token", "app_token")
    @classmethod
    def _looks_like_one(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not token.get_secret_value().startswith(("xoxb-", "xapp-")):
            raise ValueError(
                "令牌以 xoxb- 或 xapp- 开头，请在 Slack 应用的设置页复制"
                " / A token begins with xoxb- or xapp-; copy it from the app's settings"
            )
        return token

    @field_validator("signing_secret")
    @classmethod
    def _not_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise ValueError(
                "不能为空，请在 Slack 应用的 Basic Information 复制"
                " / It must not be empty; copy it from the app's Basic Information"
            )
        return secret

    @model_validator(mode="after")
    def _hears_somehow(self) -> Self:
        if self.signing_secret is None and self.app_token is None:
            raise ValueError(
                "signing_secret 和 app_token 至少填一个，否则收不到消息"
                " / Give signing_secret or app_token, or nothing is received"
            )
        return self
