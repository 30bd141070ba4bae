"""What can be set for the Feishu channel."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from models.platform_api import ApiUrl


class Options(BaseModel):
    """Settings of the Feishu channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_id: str = Field(description="应用的 App ID，cli_… / The app's App ID, cli_….")
    app_secret: SecretStr = Field(description="应用的 App Secret / The app's App Secret.")
    encrypt_key: SecretStr | None = Field(
        None,
        description="Encrypt Key：填了就只收签了名、加了密的事件（推荐）"
        " / The Encrypt Key: with it, only events that are signed and encrypted are taken"
        " (recommended).",
    )
    verification_token: SecretStr | None = Field(
        None,
        description="Verification Token：没有 Encrypt Key 时用它认出飞书；两个都填就都要对"
        " / The Verification Token, by which Feishu is known where there is no Encrypt Key;"
        " with both, both must be right.",
    )
    account: str = Field(
        "feishu",
        min_length=1,
        max_length=64,
        description="账号名，用来区分 / Name of the account, to tell several apart.",
    )
    bot_name: str = Field(
        "",
        max_length=64,
        description="机器人在飞书里的名字；群里提到它的“@名字”不进工单"
        " / The bot's name in Feishu: the “@name” that calls it in a group is left out.",
    )
    base_url: ApiUrl = Field(
        "https://open.feishu.cn",
        description="开放平台的地址；国际版 Lark 用 https://open.larksuite.com"
        " / Address of the open platform; of Lark it is https://open.larksuite.com.",
    )
    pace_seconds: float = Field(
        0.25,
        ge=0,
        le=10,
        description="同一个人或群两条消息之间的秒数（飞书允许每秒 5 条，群里的机器人共用）"
        " / Seconds between two messages to one person or group; Feishu allows five a second,"
        " which all bots of a group share.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="等待飞书应答的秒数 / Seconds to wait for an answer."
    )
    repeat_seconds: float = Field(
        2.0,
        ge=0,
        le=10,
        description="断线或超时后隔几秒用同一编号再送（最多两次），飞书只显示一条"
        " / Seconds until a message is sent again, twice at most, under the same number, when"
        " the line broke: Feishu shows it once.",
    )

    @field_validator("app_id")
    @classmethod
    def _looks_like_one(cls, app_id: str) -> str:
        if not (app_id.startswith("cli_") and app_id.isascii() and app_id.isprintable()):
            raise ValueError(
                "App ID 以 cli_ 开头，请在开发者后台的“凭证与基础信息”复制"
                " / An App ID begins with cli_; copy it from Credentials & Basic Info"
            )
        return app_id

    @field_validator("app_secret", "encrypt_key", "verification_token")
    @classmethod
    def _not_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise ValueError(
                "不能为空，请在飞书开发者后台复制"
                " / It must not be empty; copy it from Feishu's developer console"
            )
        return secret

    @model_validator(mode="after")
    def _knows_feishu(self) -> Self:
        if self.encrypt_key is None and self.verification_token is None:
            raise ValueError(
                "encrypt_key 和 verification_token 至少填一个，否则谁都能冒充飞书"
                " / Give encrypt_key or verification_token, or anybody could pose as Feishu"
            )
        return self
