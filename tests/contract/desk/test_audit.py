"""The audit is the admins' to read, with what people wrote masked."""

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World


async def test_an_admin_reads_who_did_what(house: World, visit: Visit) -> None:
    root = await house.person("root", Role.ADMIN, name="管理员")
    admin = await visit("root")
    new = {"login": "zhao", "name": "赵敏", "role": "agent", "password": "a long password"}
    made = (await admin.post("/agents", new)).json["id"]
    async with house.store.db.write() as tx:
        await tx.audit(root, "ticket.decline", "t1", reason="客户电话 13812345678", to=made)
    told = (await admin.get("/audit?action=ticket")).json
    (entry,) = told["entries"]
    assert (entry["action"], entry["agent_id"]) == ("ticket.decline", root)
    assert entry["detail"] == {"reason": "客户电话 138****5678", "to": made}
    assert told["names"][made] == {"kind": "agent", "name": "赵敏"}
    (added,) = (await admin.get(f"/audit?action=agent.add&subject={made}")).json["entries"]
    assert added["agent_id"] == root, "who made the account is written down"
    assert (await admin.get("/audit?month=2020-01")).json == {"entries": [], "names": {}}
    assert (await admin.get(f"/audit?agent={made}")).json["entries"] == []
    assert len((await admin.get("/audit?limit=1")).json["entries"]) == 1
    for wrong in ("month=2020-13", "action=Ticket", "limit=0", "since=1"):
        assert (await admin.get(f"/audit?{wrong}")).status == 422, wrong


async def test_nobody_else_reads_it(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    assert (await (await visit("chen")).get("/audit")).status == 403
