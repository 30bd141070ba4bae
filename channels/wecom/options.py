"""What can be set for the WeCom channel."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from channels.tencent.options import AesKeys, Secret, Token
from models.platform_api import ApiUrl

_Account = Annotated[str, Field(pattern=r"^wk[A-Za-z0-9_-]{8,62}$")]


class Options(BaseModel):
    """Settings of the WeCom channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    corp_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="企业 ID（ww…），在企业微信管理后台“我的企业”"
        " / The company's ID (ww…), on the page of the company in WeCom's admin console.",
    )
    secret: Secret = Field(
        description="“微信客服 → 可调用接口的应用”里那个自建应用的 Secret；"
        "2023 年 12 月以前就开通的企业，也可以是“微信客服”自己的"
        " / The Secret of the app of your own that may call the API of Customer Service"
        " (微信客服). Companies from before December 2023 may still use that of Customer Service"
        " itself."
    )
    token: Token = Field(
        description="接收消息服务器的 Token / The Token of the server that receives messages."
    )
    encoding_aes_keys: AesKeys = Field(
        min_length=1,
        max_length=2,
        description="接收消息服务器的 EncodingAESKey，43 个字符；更换时新旧两个都写"
        " / The EncodingAESKey of that server, 43 characters; while it is changed, the new one and"
        " the old one.",
    )
    accounts: Mapping[str, _Account] = Field(
        min_length=1,
        description="客服账号：自己起的名字 = open_kfid（wk…）；名字用了就不要改，它是渠道账号"
        " / Service accounts: a name of your choice = its open_kfid (wk…). Keep a name that is in"
        " use: it is the account of the channel.",
    )
    history: bool = Field(
        False,
        description="第一次启动时，把此前三天内的消息也收进来"
        " / At the very first start also take in what was written in the three days before.",
    )
    poll_seconds: float = Field(
        60.0,
        ge=10,
        le=3600,
        description="没有通知时，隔多少秒自己去看一次；补上没收到的通知"
        " / Seconds between two looks without a notification, which make up for lost ones.",
    )
    base_url: ApiUrl = Field(
        "https://qyapi.weixin.qq.com",
        description="接口的地址；经代理访问时改 / Address of the API; change it for a proxy.",
    )
    timeout_seconds: float = Field(
        15.0, gt=0, le=60, description="等待企业微信应答的秒数 / Seconds to wait for an answer."
    )

    @field_validator("accounts")
    @classmethod
    def _each_once(cls, accounts: Mapping[str, str]) -> Mapping[str, str]:
        if len(set(accounts.values())) != len(accounts):
            raise ValueError(
                "同一个 open_kfid 写了两次 / The same open_kfid is there under two names"
            )
        return accounts
