"""What can be set for the DingTalk channel."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from models.platform_api import ApiUrl


class Options(BaseModel):
    """Settings of the DingTalk channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str = Field(
        min_length=1,
        max_length=128,
        description="应用的 Client ID，ding…，旧称 AppKey"
        " / The app's Client ID, ding…, once called AppKey.",
    )
    client_secret: SecretStr = Field(
        description="应用的 Client Secret（旧称 AppSecret） / The app's Client Secret (AppSecret)."
    )
    receive: Literal["stream", "http"] = Field(
        "stream",
        description="怎样收消息，与开发者后台里机器人的“消息接收模式”一致：stream 由我们连出去，"
        "不需要公网地址（推荐）；http 由钉钉发到 /dingtalk/messages"
        " / How messages come, as the robot's message receiving mode in the developer console"
        " says: stream is a line that we open, without a public address (recommended); with http"
        " DingTalk posts to /dingtalk/messages.",
    )
    robot_code: str = Field(
        "",
        max_length=128,
        description="机器人的 robotCode；不写就用 client_id，通常二者相同"
        " / The robot's robotCode; without it client_id, which it usually equals.",
    )
    account: str = Field(
        "dingtalk",
        min_length=1,
        max_length=64,
        description="账号名，用来区分 / Name of the account, to tell several apart.",
    )
    bot_name: str = Field(
        "",
        max_length=64,
        description="机器人在钉钉里的名字；消息里叫它的“@名字”不进工单"
        " / The robot's name in DingTalk: the “@name” that calls it is left out.",
    )
    base_url: ApiUrl = Field(
        "https://api.dingtalk.com",
        description="接口的地址；国际站用 https://api.dingtalk.io"
        " / Address of the API; of DingTalk's international site https://api.dingtalk.io.",
    )
    upload_url: ApiUrl = Field(
        "https://oapi.dingtalk.com",
        description="旧版接口的地址，上传图片和文件用；国际站用 https://oapi.dingtalk.io"
        " / Address of the older API, which takes pictures and files; of the international site"
        " https://oapi.dingtalk.io.",
    )
    pace_seconds: float = Field(
        1.0,
        ge=0,
        le=10,
        description="同一个人或群两条消息之间的秒数；钉钉会限流，没有写明多快算快"
        " / Seconds between two messages to one person or group: DingTalk stops who is too fast,"
        " and does not say how fast that is.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="等待钉钉应答的秒数 / Seconds to wait for an answer."
    )

    @field_validator("client_id", "robot_code")
    @classmethod
    def _one_word(cls, word: str) -> str:
        if not word.isascii() or any(not "!" <= letter <= "~" for letter in word):
            raise ValueError(
                "只能有英文字母、数字和符号，请在开发者后台的“凭证与基础信息”复制"
                " / Letters, digits and signs only; copy it from the app's credentials page"
            )
        return word

    @field_validator("client_secret")
    @classmethod
    def _not_empty(cls, secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().strip():
            raise ValueError(
                "不能为空，请在开发者后台的“凭证与基础信息”复制"
                " / It must not be empty; copy it from the app's credentials page"
            )
        return secret

    @property
    def robot(self) -> str:
        """The robot's code."""
        return self.robot_code or self.client_id
