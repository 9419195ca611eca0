-- The acceptor of the membership register: one row per register, in each of the databases that agree on it.
-- PostgreSQL 13 or newer. Running it again changes nothing. It makes the table only: a row is made once, by founding
-- the register (geo-silo init), or by readmitting an acceptor. Never insert, copy or edit a row by hand: written_by
-- must name the transaction that wrote the row, and a row of which that is not true takes no part.
-- The role of the silos needs SELECT, INSERT and UPDATE on the table.

BEGIN;
SELECT pg_advisory_xact_lock(7163384699739271468);

CREATE TABLE IF NOT EXISTS geo_membership_register
(
    register           text     NOT NULL PRIMARY KEY,
    acceptor           text     NOT NULL,
    acceptors          text[]   NOT NULL,
    promised_counter   bigint   NOT NULL,
    promised_proposer  bigint   NOT NULL,
    accepted_counter   bigint   NOT NULL,
    accepted_proposer  bigint   NOT NULL,
    version            bigint   NOT NULL,
    value              bytea    NOT NULL,
    writes             bigint   NOT NULL,
    witnessed          bigint[] NOT NULL,
    refusal            text,
    written_by         xid8     NOT NULL,
    written_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT geo_membership_register_counts CHECK (writes >= 0 AND version >= 0),
    CONSTRAINT geo_membership_register_order CHECK
        ((accepted_counter, accepted_proposer) <= (promised_counter, promised_proposer)),
    CONSTRAINT geo_membership_register_place CHECK
        (acceptor = ANY (acceptors) AND cardinality(acceptors) = cardinality(witnessed))
)
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE geo_membership_register IS
    'Acceptors of the OrleansGeo membership register. Written by silos alone; see docs/membership.md.';

COMMIT;
