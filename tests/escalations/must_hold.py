"""What must hold of cases at any moment, as statements that find what does not."""

BROKEN = """
WITH head AS (
    SELECT e.*, 'escalation:ESC-' || e.id AS subject,
           e.status IN ('open', 'info_requested') AS unresolved
    FROM escalations_escalation e
), told AS (
    SELECT stream_id AS stream, kind, count(*) AS n FROM audit_auditevent GROUP BY 1, 2
)
SELECT '1: a verdict without its ballot', h.id FROM head h
    LEFT JOIN escalations_decision d ON d.escalation_id = h.id
    LEFT JOIN escalations_ballot b ON b.id = d.ballot_id
    WHERE (h.status = 'decided') <> (d.id IS NOT NULL)
    OR d.id IS NOT NULL
       AND (b.escalation_id IS DISTINCT FROM h.id OR b.voter_id IS DISTINCT FROM d.decided_by_id)
UNION ALL
SELECT '2: unresolved and nobody is asked', h.id FROM head h
    WHERE unresolved <> EXISTS (
        SELECT 1 FROM asking_ask a WHERE a.subject = h.subject AND a.closed_at IS NULL
        AND a.next_action_at IS NOT NULL)
UNION ALL
SELECT '2: a settled question goes on', a.id FROM asking_ask a
    JOIN asking_notification n ON n.ask_id = a.id
    WHERE a.closed_at IS NOT NULL AND n.state = 'pending'
    AND n.reason IN ('asked', 'reminder', 'nudge')
UNION ALL
SELECT '3: an end without its event', h.id FROM head h
    WHERE NOT unresolved AND (
        SELECT coalesce(sum(n), 0) FROM told WHERE stream = h.subject AND kind IN
        ('escalation.decided', 'escalation.withdrawn', 'escalation.dismissed')) <> 1
UNION ALL
SELECT '3: an end in the history only', h.id FROM head h JOIN told ON stream = h.subject
    WHERE unresolved AND kind IN
    ('escalation.decided', 'escalation.withdrawn', 'escalation.dismissed', 'ask.closed')
UNION ALL
SELECT '3: votes and their events', h.id FROM head h
    WHERE (SELECT count(*) FROM escalations_ballot b WHERE b.escalation_id = h.id) <>
    (SELECT coalesce(sum(n), 0) FROM told WHERE stream = h.subject
     AND kind IN ('escalation.voted', 'escalation.decided'))
UNION ALL
SELECT '3: messages and their events', h.id FROM head h
    WHERE (SELECT count(*) FROM escalations_message m WHERE m.escalation_id = h.id) <>
    (SELECT coalesce(sum(n), 0) FROM told WHERE stream = h.subject
     AND kind IN ('escalation.asked_back', 'escalation.answered'))
UNION ALL
SELECT '3: a notice outside without its event', a.id FROM asking_ask a
    WHERE EXISTS (SELECT 1 FROM asking_notification n
        WHERE n.ask_id = a.id AND n.state = 'accepted' AND n.bundled_into_id IS NULL)
    AND NOT EXISTS (SELECT 1 FROM told WHERE stream = a.subject AND kind = 'notice.accepted')
UNION ALL
SELECT '3: a stream and its head', 0 FROM audit_stream s
    WHERE s.length <> (SELECT coalesce(sum(n), 0) FROM told WHERE stream = s.name)
UNION ALL
SELECT '6: one who was part of it voted', b.id FROM escalations_ballot b
    JOIN head h ON h.id = b.escalation_id JOIN asking_ask a ON a.subject = h.subject
    WHERE b.voter_id = ANY (a.excluded) AND NOT b.by_owner
UNION ALL
SELECT '9: two decisions', escalation_id FROM escalations_decision
    GROUP BY escalation_id HAVING count(*) > 1
UNION ALL
SELECT '9: fewer votes than the policy asks for', h.id FROM head h
    JOIN escalations_decision d ON d.escalation_id = h.id
    JOIN escalations_ballot own ON own.id = d.ballot_id
    JOIN asking_ask a ON a.subject = h.subject
    WHERE own.verdict <> 'rejected' AND a.required_votes > (
        SELECT count(*) FROM escalations_ballot b WHERE b.escalation_id = h.id
        AND b.verdict = own.verdict AND b.option_id IS NOT DISTINCT FROM own.option_id)
UNION ALL
SELECT '10: a permit that nobody gave', h.id FROM head h
    WHERE EXISTS (SELECT 1 FROM agents_permit p WHERE p.source = h.subject) <>
    (h.has_action AND EXISTS (
        SELECT 1 FROM escalations_decision d JOIN escalations_ballot b ON b.id = d.ballot_id
        WHERE d.escalation_id = h.id AND b.verdict = 'approved_option'))
UNION ALL
SELECT '10: used too often, too late or unseen', p.id FROM agents_permit p
    WHERE p.uses > p.most_uses OR p.spent_at >= p.use_before OR p.uses <>
    (SELECT coalesce(sum(n), 0) FROM told WHERE stream = p.source AND kind = 'permit.spent')
UNION ALL
SELECT '12: an agent goes on while people are asked', h.id FROM head h
    WHERE h.blocking AND unresolved <> EXISTS (
        SELECT 1 FROM agents_halt x WHERE x.source = h.subject AND x.lifted_at IS NULL)
UNION ALL
SELECT '12: a question put anew is still open', o.id FROM escalations_escalation n
    JOIN head o ON o.id = n.supersedes_id WHERE o.unresolved
UNION ALL
SELECT '2: reminded though snoozed', n.id FROM asking_notification n
    JOIN asking_snooze s ON s.ask_id = n.ask_id AND s.user_id = n.recipient_id
    WHERE n.reason = 'reminder' AND n.created_at > s.at
    AND n.created_at < least(s.until, coalesce(s.ended_at, s.until))
UNION ALL
SELECT '6: told instead of somebody and part of it', n.id FROM asking_notification n
    JOIN asking_ask a ON a.id = n.ask_id
    WHERE n.on_behalf_of_id IS NOT NULL AND n.recipient_id = ANY (a.excluded)
    AND n.reason IN ('asked', 'reminder', 'nudge')
UNION ALL
SELECT '15: a vote on something else', b.id FROM escalations_ballot b
    JOIN head h ON h.id = b.escalation_id
    WHERE b.request_sha256 <> h.request_sha256 OR b.template_version = ''
    OR encode(sha256(h.request), 'hex') <> h.request_sha256
"""

_TABLES = (
    "audit_auditevent",
    "escalations_ballot",
    "escalations_decision",
    "escalations_message",
    "escalations_outcome",
)
_ROWS = "SELECT '{0} ' || id, md5(t::text) FROM {0} t"
APPEND_ONLY = " UNION ALL ".join(_ROWS.format(table) for table in _TABLES)
