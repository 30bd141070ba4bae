"""What is said on the day of test_a_day.py, in Chinese and in English.

Written out, not read from ``config/texts.toml``: a text that changes there is to be looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_ZONE = ZoneInfo("Asia/Shanghai")
_SCALE = {
    "zh": ("非常满意", "满意", "一般", "不满意", "非常不满意"),
    "en": ("Very satisfied", "Satisfied", "Neutral", "Dissatisfied", "Very dissatisfied"),
}
_KINDS = {
    "投诉": ("投诉", "complaint"),
    "咨询": ("咨询", "inquiry"),
    "": ("反馈", "feedback"),
}


@dataclass(frozen=True)
class Words:
    """One language's part: what customers and agents write, and what the system says."""

    lang: str
    # What the customers write.
    subject: str
    complaint: str
    question: str
    wish: str
    progress: str
    rating: str
    outcry: str
    late: str
    breakdown: tuple[str, ...]
    # What agents write.
    settled: str
    calling: str
    helped: str
    done: str
    incident: str
    # What the system says, with {number} {due} {at} {agent} {type} {link}.
    acknowledged: str
    working: str
    unknown: str
    closed: str
    helping: str
    snoozed: str
    ask: str
    ask_solved: str
    thanks: str
    form: tuple[str, ...]
    form_thanks: tuple[str, ...]

    @property
    def scale(self) -> tuple[str, ...]:
        """The best first."""
        return _SCALE[self.lang]

    @property
    def solved(self) -> tuple[str, str]:
        return ("已解决", "未解决") if self.lang == "zh" else ("Solved", "Not solved")

    @property
    def kinds(self) -> Mapping[str, str]:
        """What an acknowledgement calls a message, by its label; “” is that of one not sure."""
        side = 0 if self.lang == "zh" else 1
        return {value: names[side] for value, names in _KINDS.items()}

    def time(self, at: float) -> str:
        """A time as the system says it: up to the minute, with the day unless it is today."""
        when = datetime.fromtimestamp(-(-at // 60) * 60, _ZONE)
        today = when.date() == datetime.now(_ZONE).date()
        if self.lang == "zh":
            day = "今天" if today else f"{when.month}月{when.day}日"
            return f"{day} {when:%H:%M}（北京时间）"
        day = "today" if today else f"on {when:%d %b}"
        return f"{when:%H:%M} {day} (Beijing time)"


ZH = Words(
    lang="zh",
    subject="投诉快递",
    complaint="包裹一直没有送到，物流信息停了五天，我要投诉快递员！",
    question="你好，快递寄到广州要几天？物流单号在哪里查？",
    wish="请问快递可以改送货地址吗？物流显示还没有发出。",
    progress="进度",
    rating="满意，已解决，谢谢李雷",
    outcry="投诉",
    late="三号线停运一上午了，人民广场站没人管，投诉！",
    breakdown=(
        "三号线今天早上一直停在人民广场站不动，等了四十分钟，上班迟到了，必须给个说法！",
        "地铁3号线又故障了？我在人民广场等了快一个小时，我要投诉！",
        "你们三号线怎么回事，停运也不通知，害我迟到扣钱，投诉你们",
        "投诉三号线早高峰停运，站台挤死人了没人管",
        "三号线人民广场站列车故障，广播什么都不说，太差劲了，我要投诉",
        "今天三号线停了半个多小时，迟到要你们赔，投诉",
        "三号线坏了也没有接驳车，站台上几千人没人疏导，投诉",
        "投诉！人民广场三号线列车停运，客服电话打不通，气死了",
        "三号线早上停运了一小时，我面试都错过了，谁来负责？投诉",
        "地铁三号线停运，退票窗口排长队，投诉，要求退票并道歉",
        "三号线故障也不提前通知，害几千人迟到，太不负责了，投诉你们",
        "三号线人民广场站停车太久，老人都站不住了，没人管，我要投诉",
    ),
    settled="王女士您好，包裹今天下午送达，运费已退。\n\n给您添麻烦了。",
    calling="王女士您好，刚才打您电话没有接通，请问包裹收到了吗？",
    helped="您好，一般三天，我请物流部确认一下。",
    done="已确认：三天内送到，单号在订单页查看。",
    incident="三号线信号故障正在抢修，预计 10:30 恢复，给您添麻烦了。",
    acknowledged="您好，您的{type}已收到，工单号{number}，"
    "我们将在{due}前联系您，回复“进度”可查询。",
    working="工单{number}：坐席{agent}正在处理。",
    unknown="未查询到您的工单。如需帮助，请直接描述您的问题。",
    closed="工单{number}：已关闭。",
    helping="您好，工单{number}：相关部门正在协助处理。",
    snoozed="您好，工单{number}：已受理，将在{due}继续处理。",
    ask="您的工单{number}已处理完毕，请问您对这次服务满意吗？也可以打开链接评价：{link}",
    ask_solved="谢谢您的评价。请问问题是否已经解决？",
    thanks="感谢您的评价！",
    form=(
        *("请评价我们的服务", "English", "请评价我们的服务", "工单号 {number}"),
        *("您对这次服务满意吗？", *_SCALE["zh"], "问题是否已解决？", "已解决", "未解决"),
        *("想对我们说的话（可不填）", "提交"),
    ),
    form_thanks=("请评价我们的服务", "感谢您的评价！", "修改评价"),
)

EN = Words(
    lang="en",
    subject="Charged twice",
    complaint="I was charged twice for one payment and nobody answers me. This is a complaint:"
    " refund my money!",
    question="Hello, how do I get an invoice for my last payment?",
    wish="Could you please tell me where I can change the company name on my invoice?",
    progress="status",
    rating="Satisfied, solved. Thank you Han",
    outcry="Complaint",
    late="Line 3 has been stopped at Central station all morning and nobody helps. I complain!",
    breakdown=(
        "The train on line 3 has been stuck at Central station for forty minutes. I complain!",
        "Line 3 broke down again? I waited an hour at Central station, this is a complaint.",
        "What is going on with line 3, it stopped without any notice and I am late. Complaint!",
        "Complaint: line 3 stopped in the morning rush hour, the platform is crowded.",
        "Line 3 train breakdown at Central station and no announcement, I want to complain.",
        "Line 3 was stopped for over half an hour today, you must pay for my delay. Complaint.",
        "Line 3 is broken, no bus instead, thousands stuck on the platform at Central station.",
        "Complaint! Line 3 train stopped at Central station and nobody answers the telephone.",
        "Line 3 stopped for an hour this morning, I missed an interview. Who is responsible?",
        "Line 3 stopped, a long queue for refunds at Central station. I complain, and want mine.",
        "Line 3 broke down without any notice, thousands are late. Irresponsible, a complaint.",
        "The train of line 3 was stuck at Central station too long, people fainted. I complain.",
    ),
    settled="Dear Ms Wood, the second charge goes back to your card today.\n\nWe are sorry.",
    calling="Dear Ms Wood, we tried to call you. Has the money arrived?",
    helped="Hello, I am asking our accountants.",
    done="You find it on the page of your order, under “Invoice”.",
    incident="Line 3 has a signal failure. We expect trains again at 10:30. We are sorry.",
    acknowledged="Hello, we have received your {type}, ticket {number}. We will contact you by"
    " {due}; write “status” to see where it is.",
    working="Ticket {number}: agent {agent} is working on it.",
    unknown="We found no ticket of yours. If you need help, please tell us what it is about.",
    closed="Ticket {number}: closed.",
    helping="Hello! Ticket {number}: another department is helping with it.",
    snoozed="Hello! Ticket {number}: we have it and will go on with it at {due}.",
    ask="Your ticket {number} has been dealt with. How satisfied are you with our service?"
    " You may also rate it here: {link}",
    ask_solved="Thank you. Has your problem been solved?",
    thanks="Thank you for your rating!",
    form=(
        *("Please rate our service", "中文", "Please rate our service", "Ticket {number}"),
        *("How satisfied are you?", *_SCALE["en"], "Has your problem been solved?"),
        *("Solved", "Not solved", "What you would like to tell us (optional)", "Submit"),
    ),
    form_thanks=("Please rate our service", "Thank you for your rating!", "Change it"),
)
