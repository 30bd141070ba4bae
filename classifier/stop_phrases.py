"""What anybody says who complains, whatever about: it makes no two complaints one matter.

Ten customers who begin with “我要投诉” on an ordinary day are no incident. Left out are the most
usual ways to say that one complains, to whom else, that nobody answers, and what is to be done
about it; names of things stay, for they tell one matter from another.
"""

import re

# What each can begin with stands before them all: most characters are passed over by one look.
_FORMULAS = re.compile(
    r"""
    (?=[本我强想要投举曝起必一给你的服态售客人电热气拨打找1消工市黑请麻希尽马立赶真实极太很应赔道没谁谢]
      |[acdfhinprstuy])
    (?:
    (?:本人|我们?)?(?:强烈)?(?:想要|想|要求|要)?(?:投诉|举报|曝光|起诉)(?:你们|他们|到底)?
    |(?:必须|一定)?要?给(?:大家|消费者|我们?)?一?个?(?:合理的?|满意的?)?(?:说法|交代|答复|解释)
    |(?:你们)?的?(?:服务态度|服务|态度|售后)(?:真的|这么|实在|[也真太很]){0,3}(?:差劲|差|烂|垃圾|恶劣)
    |(?:客服|人工|电话|热线){1,3}(?:一直|根本|永远|[也都总]){0,2}
      (?:打不通|没人接|不接|不理人|占线|不回复?|推来推去|联系不上)
    |气死(?:我|人)?了?
    |(?:拨打|打|找)?(?:(?<!\d)(?:12315|12345)(?!\d)|消协|工商局?|市场监管局?|黑猫)
    |(?:请|麻烦|希望|要求|必须)?(?:你们)?(?:尽快|马上|立刻|立即|赶紧|赶快)(?:给我)?
      (?:处理|解决|回复|答复|核实)(?:一下)?
    |(?:真的|实在|极其|[太真很])(?:不负责任?|让人失望|失望|差劲|坑人?|恶心|无语|离谱|过分|气人)了?
    |(?:要求|必须|应该)?(?:赔偿|赔礼|道歉)(?:损失)?(?:并|和)?(?:道歉)?
    |没有?人[管理]|谁来?负责|谢谢
    |\bi\s(?:want|wish|need|would\slike)\sto\s(?:make\sa\s)?complain(?:t)?\b
    |\b(?:this\sis\sa\s(?:formal\s)?)?complain(?:ts?|ing|ed)?\b
    |\b(?:(?:your|the)\s)?(?:customer\s)?service\s(?:is|was)\s(?:terrible|awful|bad|poor|a\sjoke)\b
    |\b(?:nobody|no\sone)\s(?:answer|pick|repli|care|help)\w*(?:\sup)?(?:\s(?:the|my)\s\w+)?
    |\b(?:terrible|awful|horrible|unacceptable|disgusting|ridiculous|furious|disappointed)\b
    |\b(?:please\s)?(?:sort|fix|resolve|handle)\s(?:this|it)(?:\sout)?\b
    |\b(?:as\ssoon\sas\spossible|asap|i\swant\s(?:my\smoney\sback|compensation))\b
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_stop_phrases(text: str) -> str:
    """The text with a space for each set phrase."""
    return _FORMULAS.sub(" ", text)
