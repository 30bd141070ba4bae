"""Faces that a platform sends by name, “[流泪]”: WeChat, Weibo, Taobao and the like do."""

import re

_GLAD = """
    微笑 呲牙 愉快 偷笑 可爱 害羞 玫瑰 鲜花 爱心 心 抱拳 合十 强 赞 握手 拥抱 鼓掌 嘿哈 庆祝
    加油 比心 OK 胜利 得意 憨笑 爱你 好的 哇 耶 笑脸 哈哈 太阳 蛋糕 礼物 红包 發 福 亲亲 谢谢
    感谢 转圈 跳跳
"""
_SORE = """
    发怒 怒 怒骂 生气 愤怒 抓狂 咒骂 骂 鄙视 弱 差劲 傲慢 白眼 撇嘴 哼 左哼哼 右哼哼 拳头 敲打
    菜刀 炸弹 便便 大哭 流泪 泪 哭 泪奔 快哭了 伤心 悲伤 难过 委屈 可怜 失望 心碎 凋谢 苦涩
    叹气 晕 衰 吐 恐惧 惊恐 裂开
"""
_OTHER = """
    捂脸 笑哭 破涕为笑 旺柴 狗头 doge 吃瓜 奸笑 坏笑 阴险 机智 皱眉 嘘 疑问 惊讶 吃惊 发呆 呆
    色 酷 闭嘴 睡 困 哈欠 调皮 社会社会 无语 汗 流汗 冷汗 擦汗 尴尬 囧 黑线 天啊 Emm 翻白眼
    打脸 思考 托腮 抠鼻 勾引 摊手 允悲 费解 二哈 喵喵 憧憬 羞羞 酸 再见 咖啡 啤酒 月亮 猪头
    骷髅 蜡烛 话筒
"""
_EMOJI_OF = {
    name: emoji
    for emoji, names in (("😊", _GLAD), ("😢", _SORE), ("🙂", _OTHER))
    for name in names.split()
}
_NAMED = re.compile(r"[\[［]([\u4e00-\u9fffA-Za-z]{1,4})[\]］]")


def with_emoji(text: str) -> str:
    """A text as it was typed, with an emoji of the same mood for each face sent by name."""
    if "[" not in text and "［" not in text:
        return text
    return _NAMED.sub(lambda face: _EMOJI_OF.get(face[1], face[0]), text)
