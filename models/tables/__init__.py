"""Every table. Times are seconds since the epoch (UTC, double); ids are UUIDv7 text.

Truth is here; everything else (Redis, sockets, caches) may be thrown away at any moment.
"""

from models.tables.agents import (
    agent,
    credential,
    recovery_code,
    second_factor,
    sign_in_attempt,
)
from models.tables.canned import canned
from models.tables.clocks import clock, clock_event
from models.tables.columns import metadata
from models.tables.complaints import complaint, improvement
from models.tables.conversations import (
    call,
    conversation,
    delivery,
    file_due,
    message,
    outbound,
    upload,
    withdrawal,
)
from models.tables.coordination import counter, cursor, lease, master_key, request_key
from models.tables.customers import customer, customer_link, identity, proof
from models.tables.dictionary import dictionary_word
from models.tables.figures import presence_span, ticket_step
from models.tables.follow_ups import follow_up, follow_up_attempt
from models.tables.helping import helper, note, subtask
from models.tables.incidents import complaint_likeness, incident, incident_member, incident_text
from models.tables.intake import blob, blob_left, envelope
from models.tables.log import audit, event, webhook, webhook_event
from models.tables.measures import invariant, stage_time
from models.tables.processes import process
from models.tables.rules import rules_publication, rules_version
from models.tables.searching import search_entry
from models.tables.tickets import IS_ESCALATED, IS_WAITING, assignment, skill_class, ticket
from models.tables.timers import timer
from models.tables.training import bundle, correction, retraining
from models.tables.transfers import transfer
from models.tables.voice import survey, telling, wording
from models.tables.watching import label_day, shadow

__all__ = [
    "IS_ESCALATED",
    "IS_WAITING",
    "agent",
    "assignment",
    "audit",
    "blob",
    "blob_left",
    "bundle",
    "call",
    "canned",
    "clock",
    "clock_event",
    "complaint",
    "complaint_likeness",
    "conversation",
    "correction",
    "counter",
    "credential",
    "cursor",
    "customer",
    "customer_link",
    "delivery",
    "dictionary_word",
    "envelope",
    "event",
    "file_due",
    "follow_up",
    "follow_up_attempt",
    "helper",
    "identity",
    "improvement",
    "incident",
    "incident_member",
    "incident_text",
    "invariant",
    "label_day",
    "lease",
    "master_key",
    "message",
    "metadata",
    "note",
    "outbound",
    "presence_span",
    "process",
    "proof",
    "recovery_code",
    "request_key",
    "retraining",
    "rules_publication",
    "rules_version",
    "search_entry",
    "second_factor",
    "shadow",
    "sign_in_attempt",
    "skill_class",
    "stage_time",
    "subtask",
    "survey",
    "telling",
    "ticket",
    "ticket_step",
    "timer",
    "transfer",
    "upload",
    "webhook",
    "webhook_event",
    "withdrawal",
    "wording",
]
