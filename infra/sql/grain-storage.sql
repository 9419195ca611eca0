-- Grain storage for users' own grains (geo-silo run --grain-storage, or AddAdoNetGrainStorage of Orleans with Npgsql).
-- PostgreSQL 13 or newer. Running it again changes nothing but the text of the four statements. Orleans reads them from the
-- table orleansquery by their keys, and knows of them their parameters and the columns they answer with; all else is ours.
-- The role of the silos needs SELECT on orleansquery, and SELECT, INSERT, UPDATE and DELETE on geo_grain_state.
-- A database that also takes scripts of Orleans takes those first, because they make orleansquery without looking.

BEGIN;
SELECT pg_advisory_xact_lock(7163384699739271469);

CREATE TABLE IF NOT EXISTS orleansquery
(
    querykey   varchar(64)   NOT NULL,
    querytext  varchar(8000) NOT NULL,
    CONSTRAINT orleansquery_key PRIMARY KEY (querykey)
);

-- The key is the grain and the kind of state as they are. Of two first writes one finds the other's row, so they cannot both be made.
CREATE TABLE IF NOT EXISTS geo_grain_state
(
    service      text    NOT NULL,
    state        text    NOT NULL,
    key_0        bigint  NOT NULL,
    key_1        bigint  NOT NULL,
    key_text     text    NOT NULL,
    payload      bytea,
    version      integer NOT NULL,
    modified_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT geo_grain_state_key PRIMARY KEY (service, state, key_0, key_1, key_text)
);

COMMENT ON TABLE geo_grain_state IS 'States of grains on geo-silo --grain-storage. Version is the ETag; a cleared state has no payload.';

INSERT INTO orleansquery (querykey, querytext)
VALUES
(
    'ReadFromStorageKey',
    $statement$
    SELECT payload AS PayloadBinary, version AS Version
    FROM geo_grain_state
    WHERE service = @ServiceId AND state = @GrainTypeString
      AND key_0 = @GrainIdN0 AND key_1 = @GrainIdN1 AND key_text = coalesce(@GrainIdExtensionString, '')
    $statement$
),
(
    -- A state that was cleared begins anew at a version by chance, so that nobody who saw an earlier life of it takes it for that one.
    -- No row comes back when the state is not as the writer last saw it, and Orleans takes that for a conflict; so of the other two.
    'WriteToStorageKey',
    $statement$
    WITH changed AS
    (
        UPDATE geo_grain_state
        SET payload = @PayloadBinary, version = version + 1, modified_at = now()
        WHERE service = @ServiceId AND state = @GrainTypeString
          AND key_0 = @GrainIdN0 AND key_1 = @GrainIdN1 AND key_text = coalesce(@GrainIdExtensionString, '')
          AND version = @GrainStateVersion
        RETURNING version
    ),
    made AS
    (
        INSERT INTO geo_grain_state (service, state, key_0, key_1, key_text, payload, version)
        SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''), @PayloadBinary,
               1 + (random() * 1000000000)::integer
        WHERE @GrainStateVersion IS NULL
        ON CONFLICT DO NOTHING
        RETURNING version
    ),
    written AS (SELECT version FROM changed UNION ALL SELECT version FROM made)
    SELECT version AS NewGrainStateVersion FROM written
    $statement$
),
(
    'ClearStorageKey',
    $statement$
    UPDATE geo_grain_state
    SET payload = NULL, version = version + 1, modified_at = now()
    WHERE service = @ServiceId AND state = @GrainTypeString
      AND key_0 = @GrainIdN0 AND key_1 = @GrainIdN1 AND key_text = coalesce(@GrainIdExtensionString, '')
      AND version = @GrainStateVersion
    RETURNING version AS NewGrainStateVersion
    $statement$
),
(
    'DeleteStorageKey',
    $statement$
    DELETE FROM geo_grain_state
    WHERE service = @ServiceId AND state = @GrainTypeString
      AND key_0 = @GrainIdN0 AND key_1 = @GrainIdN1 AND key_text = coalesce(@GrainIdExtensionString, '')
      AND version = @GrainStateVersion
    RETURNING version + 1 AS NewGrainStateVersion
    $statement$
)
ON CONFLICT (querykey) DO UPDATE SET querytext = excluded.querytext;

COMMIT;
