"""One worker's classifier with its watch, and two bundles that contradict each other."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from classifier import bundles
from classifier.bundle import Bundle
from classifier.examples import Example
from classifier.features import FeatureConfig
from classifier.fitting import TrainConfig
from classifier.text import Text
from classifier.train import train
from models.store import Store
from models.store.routing.unlabelled import Unlabelled
from models.training import ClassSpec, FacetSpec, Taxonomy
from tests.contract.store import makers
from workers.learning.bundle_work import BundleWork
from workers.learning.serving import Serving
from workers.learning.shadowing import Shadowing
from workers.learning.watch_report import Limits, WatchReport
from workers.learning.watching import Watching

ZONE = ZoneInfo("Asia/Shanghai")
KINDS = {"咨询": "请问{}怎么办理", "投诉": "{}太差了我要投诉"}
THINGS = ("发票", "物流", "退款", "账户", "会员", "套餐", "积分", "地址", "订单", "支付")
TAXONOMY = Taxonomy(
    version="t",
    facets={
        "type": FacetSpec(
            zh="类型",
            en="Type",
            classes={name: ClassSpec(zh=name, en=name) for name in KINDS},
        )
    },
)


@cache
def champion() -> Bundle:
    """Tells a question from a complaint."""
    return _trained(list(KINDS))


@cache
def opposite() -> Bundle:
    """Takes each for the other."""
    return _trained([*reversed(KINDS)])


def _trained(kinds: Sequence[str]) -> Bundle:
    data = [
        Example(Text(sentence.format(thing)), {"type": kind})
        for kind, sentence in zip(kinds, KINDS.values(), strict=True)
        for thing in THINGS
    ]
    return train(data, TAXONOMY, TrainConfig(features=FeatureConfig(min_count=1)), now=0.0)


class House:
    """One worker's classifier with its watch, over a real store."""

    def __init__(self, store: Store, cache: Path, share: float = 1.0, most: int = 100) -> None:
        self.store = store
        self.serving = Serving(store, cache, TAXONOMY)
        self.shadowing = Shadowing(store, cache, TAXONOMY, share, most)
        self.watching = Watching(store, self.serving, self.shadowing, ZONE, texts=50)
        self.work = BundleWork(store, cache, TAXONOMY)
        self.report = WatchReport(store, TAXONOMY, ZONE, Limits(0.25, 0.8))

    async def bring(self, texts: Sequence[str], start: int = 0, channel: str = "webchat") -> None:
        """Tickets through the classifier, the watch and the queue."""
        for number, text in enumerate(texts, start):
            key = f"k{number}"
            e = makers.envelope(key, now=await self.store.db.now(), channel=channel)
            await makers.thread(self.store, e, conversation_key=f"talk-{key}", text=text)
        await self.label()

    async def label(self) -> None:
        due: Sequence[Unlabelled] = await self.store.queue.unlabelled(500)
        found = self.serving.classify(due)
        routed = [
            makers.routed(ticket, labels=labels)
            for ticket, (labels, _) in zip(due, found, strict=True)
        ]
        await self.store.queue.route(routed)
        self.watching.note(due, found)


async def stored(store: Store, bundle: Bundle, folder: Path) -> str:
    path = bundles.save(bundle, folder)
    await store.bundles.add(path.name, {"metrics": bundle.card.metrics}, bundles.pack(path))
    return path.name


def questions(count: int) -> list[str]:
    return [KINDS["咨询"].format(THINGS[n % len(THINGS)]) for n in range(count)]
