"""What became of answers, for admins: the log of attempts, and sending one again."""

from models.agent import Role
from models.message import SendResult
from models.tables import audit
from tests.contract.desk.conftest import Visit
from tests.contract.desk.makers import answered
from tests.contract.desk.world import World
from tests.fakes import FakeClock


async def test_an_admin_reads_the_log_and_sends_again(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    root = await house.person("root", Role.ADMIN)
    admin = await visit("root")
    failed = await answered(house, "k1", SendResult("failed", error="HTTP 410"))
    clock.now += 1.0  # of one millisecond, ids are in no order
    sent = await answered(house, "k2", SendResult("sent", "p1"))
    page = (await admin.get("/deliveries")).json["deliveries"]
    assert [(one["id"], one["state"]) for one in page] == [(sent, "sent"), (failed, "failed")]
    (older,) = (await admin.get(f"/deliveries?limit=1&before={sent}")).json["deliveries"]
    assert older["id"] == failed
    assert (await admin.get("/deliveries?state=unknown")).json == {"deliveries": []}
    assert (await admin.get("/deliveries?channel=ingest")).json == {"deliveries": []}
    one = (await admin.get(f"/deliveries/{failed}")).json
    assert [(a["attempt"], a["state"], a["error"]) for a in one["log"]] == [
        (1, "failed", "HTTP 410")
    ]
    house.bell.rung.clear()
    assert (await admin.post(f"/deliveries/{failed}/redeliver", {})).status == 204
    assert house.bell.rung == ["deliver"]
    assert (await admin.get(f"/deliveries/{failed}")).json["state"] == "queued"
    assert (await admin.post(f"/deliveries/{failed}/redeliver", {})).status == 204, "still due"
    # On its channel a second one would be read twice.
    assert (await admin.post(f"/deliveries/{sent}/redeliver", {})).status == 409
    assert (await admin.post("/deliveries/nobody/redeliver", {})).status == 404
    assert (await admin.get("/deliveries/nobody")).status == 404
    assert (await admin.get("/deliveries?state=lost")).status == 422
    async with house.store.db.read() as conn:
        query = audit.select().where(audit.c.action == "outbound.again")
        noted = (await conn.execute(query)).all()
    assert [(one.agent_id, one.subject) for one in noted] == [(root, failed)] * 2


async def test_nobody_else_sees_them(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    chen = await visit("chen")
    assert (await chen.get("/deliveries")).status == 403
    assert (await chen.get("/deliveries/x")).status == 403
    assert (await chen.post("/deliveries/x/redeliver", {})).status == 403
