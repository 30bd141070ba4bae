"""The first start: schema, classifier, people. Each step may run again and changes nothing."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from classifier import bundles
from config.settings import Settings, load_taxonomy
from desk.passwords import hash_password
from models.agent import Role, initial_password
from models.errors import Conflict, Temporary
from models.migrations import behind, check, migrate
from models.routing import TRIAGE
from models.store import Store
from models.store.ground.sealing import check_key
from models.training import Taxonomy
from workers.assembly.wiring import make_store
from workers.learning.serving import serviceable
from workers.processes import tether
from workers.rules.first_version import first_rules

_log = structlog.stdlib.get_logger(__name__)

_DOMAINS = ("产品", "订单", "支付", "物流", "售后", "发票", "账户", "服务", "技术", "其他")

_PEOPLE: Mapping[str, tuple[str, Role, Mapping[str, int]]] = {
    "lilei": (
        "李雷",
        Role.AGENT,
        {"domain:物流": 4, "domain:订单": 4, "domain:售后": 3, "domain:服务": 2, TRIAGE: 2},
    ),
    "hanmeimei": (
        "韩梅梅",
        Role.AGENT,
        {"domain:发票": 4, "domain:支付": 4, "domain:账户": 3, "lang:en": 4, TRIAGE: 2},
    ),
    "wangfang": (
        "王芳",
        Role.AGENT,
        {"domain:产品": 4, "domain:技术": 4, "domain:其他": 3, "lang:en": 2},
    ),
    "chen": (
        "陈班长",
        Role.SUPERVISOR,
        {f"domain:{domain}": 1 for domain in _DOMAINS}
        | {"domain:服务": 5, "domain:其他": 3, "lang:en": 3, TRIAGE: 5},
    ),
    "admin": ("管理员", Role.ADMIN, {}),
}
"""People for trying it out: login to name, role and skills.

The supervisor knows a little of everything: who tries it alone, as one person, gets each message
in either language. Where a specialist is free it goes to them, whose level is higher; a type that
only the supervisor preferred would draw all of that type to them.
"""


@dataclass(frozen=True, slots=True)
class Created:
    """A demo account; its password is told once, and stored only as a hash."""

    login: str
    name: str
    role: Role
    password: str


async def prepare(
    settings: Settings, say: Callable[[str], None], *, train: bool = False
) -> list[Created]:
    """Migrates, trains the first classifier, creates the first people.

    A classifier that an upgrade has left refused is followed by another only with ``train``: the
    doors need none, and what comes meanwhile is acknowledged and waits for ``work``, which sees
    to that first. ``say`` is told what takes time. Returns the accounts that were created now.

    Raises:
        SetupError, Permanent: the master key is gone, or another one than the database's.
        Permanent: the database is of a newer program, or not whole.
    """
    store = make_store(settings, new=True)
    try:
        await _tell_who_lives(store, say)
        await migrate(store.db)
        await check_key(store.db, store.vault)
        await first_rules(settings, store)
        if train or await store.bundles.champion() is None:
            await first_bundle(settings, store, load_taxonomy(settings), say)
        return await first_people(store)
    finally:
        await store.close()


async def _tell_who_lives(store: Store, say: Callable[[str], None]) -> None:
    """Before the schema changes: whoever lives is of the program before, and stays so.

    They are told of, not waited for: who restarts one host after the other has some all the time.
    """
    living: list[str] = []
    if await behind(store.db):
        with contextlib.suppress(Temporary):  # it is from before processes said that they live
            living = await store.processes.living()
    if living:
        named = "；".join(living)
        say(
            f"这些进程还在跑升级前的程序，升级后要重启：{named}。"
            " / These still run the program of before the upgrade; restart them afterwards: "
            f"{'; '.join(living)}."
        )


async def first_bundle(
    settings: Settings, store: Store, taxonomy: Taxonomy, say: Callable[[str], None]
) -> None:
    """Trains on the seed corpus and promotes, where no classifier can serve.

    An upgrade, or an edited taxonomy, may leave all that were promoted refused: until somebody
    retrains on the corrections, the seed is better than nothing.
    """
    folder = settings.data_dir / "bundles"
    refused = await store.bundles.champion() is not None
    if refused and await serviceable(store, folder, taxonomy) is not None:
        return
    from classifier.train import TrainingRefused, train_seed  # scikit-learn takes seconds to load

    if refused:
        say("现役分类器与此版本或分类体系不符。 / The classifier does not fit any more.")
    say(
        "正在用种子语料训练分类器，要一两分钟，慢的机器更久…"
        " / Training the classifier on the seed corpus:"
        " a minute or two, longer on a slow machine …"
    )
    try:
        words = await store.dictionary.words()
        bundle_id = train_seed(folder, taxonomy.with_words(words))
    except TrainingRefused as error:
        if not refused:
            raise
        _log.error("nothing labels until somebody retrains", error=str(error))
        return
    card = bundles.load(folder / bundle_id).card
    content = bundles.pack(folder / bundle_id)
    await store.bundles.add(bundle_id, {"id": card.id, "metrics": card.metrics}, content)
    with contextlib.suppress(Conflict):  # another host was faster with the same
        await store.bundles.promote(bundle_id, None)


_SEED, _SEED_SECONDS = "seed", 20.0
"""The lease of who trains on the seed, and for how long it is held at a time."""

_LOOK_SECONDS = 2.0


async def until_one_serves(settings: Settings, train: Callable[[], Awaitable[object]]) -> None:
    """Returns once a classifier can serve, or none could be trained.

    Where an upgrade or another taxonomy left all refused, one of all processes that wait here
    calls ``train``.

    Raises:
        Permanent: the schema is not this program's.
    """
    store, me = make_store(settings), secrets.token_hex(8)
    folder, taxonomy = settings.data_dir / "bundles", load_taxonomy(settings)
    refused: str | None = None
    try:
        await check(store.db)
        while True:
            champion = await store.bundles.champion()
            if champion != refused and await serviceable(store, folder, taxonomy) is not None:
                return
            if champion is None:
                return
            if await store.leases.take(_SEED, me, _SEED_SECONDS) is None:
                refused = champion
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if await store.bundles.champion() == champion:
                await _while_holding(store, me, train)
                return
    except Temporary as error:
        _log.warning("not looked whether a classifier serves", error=str(error))
    finally:
        await store.close()


async def _while_holding(store: Store, me: str, train: Callable[[], Awaitable[object]]) -> None:
    training = asyncio.ensure_future(train())
    while not training.done():
        await asyncio.wait({training}, timeout=_SEED_SECONDS / 4)
        with contextlib.suppress(Temporary):
            await store.leases.take(_SEED, me, _SEED_SECONDS)
    await training


async def train_apart(options: Sequence[str]) -> None:
    """Trains in a process of its own, which ends with this one: what it loads need not stay."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
        *(sys.executable, "-m", "workers", "migrate", "--train", *options),
        # One core at most: the doors are open.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    if ended := await child.wait():
        _log.error("nothing labels until somebody retrains", error=f"exit {ended}")


async def first_people(store: Store) -> list[Created]:
    """Demo agents with generated passwords, where nobody has an account yet."""
    if await store.agents.all():
        return []
    created = []
    for login, (name, role, skills) in _PEOPLE.items():
        password = initial_password(login)
        try:
            await store.agents.add(login, name, role, hash_password(password), skills)
        except Conflict:  # another host was faster with this one
            continue
        created.append(Created(login, name, role, password))
    return created
