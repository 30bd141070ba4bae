"""What can be set for the WeChat channel."""

from pydantic import BaseModel, ConfigDict, Field

from channels.tencent.options import AesKeys, Secret, Token
from models.platform_api import ApiUrl

MUTE = (
    "没有 app_secret：能收消息，不能答复，也取不到图片和语音；请填 [channels.wechat] app_secret"
    " / No app_secret: messages come in, but cannot be answered, and files not fetched;"
    " set app_secret in [channels.wechat]"
)


class Options(BaseModel):
    """Settings of the WeChat channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    appid: str = Field(
        pattern=r"^wx[0-9a-z]{16}$",
        description="公众号的 AppID（wx…），也用作账号名 / The account's AppID, and its name.",
    )
    token: Token = Field(
        description="服务器配置里自己填的 Token / The Token of your choice in the server settings."
    )
    encoding_aes_keys: AesKeys = Field(
        (),
        max_length=2,
        description="EncodingAESKey，43 个字符；填了就只收加密的消息（安全模式，推荐）；"
        "更换时新旧两个都写"
        " / The EncodingAESKey, 43 characters: with it only encrypted messages are taken (secure"
        " mode, recommended). While it is changed, give the new one and the old one.",
    )
    app_secret: Secret | None = Field(
        None,
        description="AppSecret，答复和取文件要用；不写则只收不答"
        " / The AppSecret, for answers and files; without it messages only come in.",
    )
    base_url: ApiUrl = Field(
        "https://api.weixin.qq.com",
        description="接口的地址；经代理访问时改 / Address of the API; change it for a proxy.",
    )
    timeout_seconds: float = Field(
        15.0, gt=0, le=60, description="等待微信应答的秒数 / Seconds to wait for an answer."
    )
