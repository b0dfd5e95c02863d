"""The cases of the suite: which fault, where it is injected, and what must hold afterwards."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Case:
    """One fault of the list. `points` are the named places in the code at which its processes die."""

    number: int
    fault: str
    where: str
    expected: str
    points: tuple[str, ...] = ()


CASES: Final = {
    case.number: case
    for case in (
        Case(
            0, "commands, corrections and faults mixed",
            "in an order that a state machine chooses and shrinks; seed printed",
            "all of it, after every mending; what was acknowledged is stored, at every step",
        ),
        Case(
            1, "writer killed", "before its commit; after it, before the answer",
            "nothing or all of it is stored; the same command sent again changes nothing",
            ("store.before_commit", "store.after_commit"),
        ),
        Case(
            2, "relay killed", "after reading; after sending; after the acknowledgement; after moving its mark",
            "duplicates only", ("relay.after_read", "relay.after_send", "relay.after_ack", "relay.after_mark"),
        ),
        Case(
            3, "two relays at once", "a second one without the lock; the leader frozen past the loss of its lock",
            "duplicates only, order kept",
        ),
        Case(
            4, "a transaction held open", "in the service's database; in another one of the server",
            "nothing is passed over; what committed late is published; told by readiness and by a metric",
        ),
        Case(5, "an append rolled back", "in the middle of the numbering", "no stall"),
        Case(
            6, "projector killed", "after applying; before and after moving its offsets; after the commit",
            "each record taken in once",
            ("projector.after_apply", "projector.before_move", "projector.before_commit", "projector.after_commit"),
        ),
        Case(
            7, "rebalance in mid-batch", "a member joins; joins while the batch outlasts the drain; leaves",
            "a short batch ends first; a long one is fenced and rolled back",
        ),
        Case(8, "a frozen consumer resumes", "past its session, a stale batch in hand", "fenced by its epoch"),
        Case(
            9, "broker away", "at the start; under load; killed and restarted; the leader of three killed",
            "commands are taken; the relay catches up; no hot loop, by processor time, attempts and lines of log",
        ),
        Case(
            10, "Kafka loses data", "a topic deleted; made anew and empty while nobody looked; its records cut off",
            "found, published and read again, duplicates drop"
        ),
        Case(
            11, "PostgreSQL restarts, sessions are killed, a standby takes over",
            "under load, each service; a synchronous standby; one without the last commits",
            "reconnected, nothing lost; what such a standby lacks is told of",
        ),
        Case(
            12, "pool exhausted, lock waited for, deadlock, lost race of serializable transactions",
            "appending and projecting", "taken, applied again whole, or told plainly; no partial effect",
        ),
        Case(
            13, "database read-only; disk full", "its tables' disk; that of its write-ahead log, where the server ends",
            "refused plainly, not ready, nothing acknowledged lost, recovers by itself once its server runs",
        ),
        Case(14, "duplicated records", "the same id; the same version with another id", "dropped; told of"),
        Case(15, "a gap, another order", "within a child", "that lane waits, others go on, healed when filled"),
        Case(16, "late and corrected facts", "of one child", "as known then, and as true then"),
        Case(
            17, "poison", "bad JSON, no value, oversize, another key; unknown type or version; a bug in making the row",
            "set aside or parked, seen; others go on; after the fix the lane goes on in order",
        ),
        Case(18, "redrive", "twice; in the midst of a rebuild; of 10,000 lanes", "idempotent, bounded; others go on"),
        Case(19, "clock skew", "the writer's clock an hour off", "order by version"),
        Case(
            20, "rebuild killed", "at each step, while facts arrive; two at once; taken back", "rows equal the fold",
            (
                "rebuild.after_begin", "rebuild.after_shard", "rebuild.before_switch", "rebuild.after_switch_begun",
                "rebuild.after_slice", "rebuild.after_slice_back", "rebuild.after_switch",
            ),
        ),
        Case(21, "schema", "a newer writer; fields unknown to the reader", "taken in, kept whole"),
        Case(
            22, "a child is forgotten", "its key destroyed under load, with a rebuild and a republication",
            "nothing stops; local id, birth date and postcodes nowhere in Kafka, logs, traces or any table; no timer",
        ),
        Case(
            23, "slow consumer, fast producer", "60,000 facts while nothing can be applied, and then only slowly",
            "the most memory it ever held is bounded; it catches up",
        ),
        Case(
            24, "bad network", "latency, silence, resets in mid-answer; to Kafka and to PostgreSQL",
            "time-outs everywhere, nothing stuck",
        ),
        Case(
            25, "rolling deployment", "two replicas ended in turn under load",
            "nothing lost, drained within the grace period, at most one rebalance a replica",
        ),
        Case(26, "authorities mixed up", "every question of all six services", "nothing told of another authority"),
        Case(
            27, "a page without matching facts; no traffic", "2,000 facts of no interest; marks that are nine days old",
            "the cursor moves; alive, ready and not behind throughout",
        ),
        Case(28, "the group is unknown to Kafka", "a new consumer", "begins where the database says"),
        Case(
            29, "scheduler killed", "as a timer fires; after its commit", "each timer has its effect once",
            ("timers.before_commit", "timers.after_fire"),
        ),
        Case(
            30, "something is tampered with", "a row of a projection; a stored fact; a record in Kafka's own file",
            "`carejourney verify` names the place, and nothing else",
        ),
    )
}  # fmt: skip
