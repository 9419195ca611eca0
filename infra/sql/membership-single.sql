-- The membership of silos in one database (geo-silo run with one --clustering, or UseAdoNetClustering of Orleans with Npgsql).
-- PostgreSQL 13 or newer. Running it again changes nothing but the text of the nine statements. Orleans reads them from the table
-- orleansquery by their keys, and knows of them their parameters and the columns they answer with; all else is ours.
-- The role of the silos needs SELECT on orleansquery, and SELECT, INSERT, UPDATE and DELETE on geo_silos_version and geo_silos.
-- It does not replace other clustering statements: silos that run by those would go on in other tables than silos that start.

BEGIN;
SELECT pg_advisory_xact_lock(7163384699739271469);

CREATE TABLE IF NOT EXISTS orleansquery
(
    querykey   varchar(64)   NOT NULL,
    querytext  varchar(8000) NOT NULL,
    CONSTRAINT orleansquery_key PRIMARY KEY (querykey)
);

DO $guard$
BEGIN
    IF EXISTS (SELECT FROM orleansquery WHERE querykey = 'MembershipReadAllKey' AND position('geo_silos' IN querytext) = 0) THEN
        RAISE EXCEPTION 'the database has clustering statements of another script: take another database, or stop every silo that uses '
            'them and delete them from orleansquery';
    END IF;
END
$guard$;

-- The row that every insert and update of a silo locks, and finds at the version that it was decided at. So they come one by one.
CREATE TABLE IF NOT EXISTS geo_silos_version
(
    cluster  text    NOT NULL PRIMARY KEY,
    version  integer NOT NULL
);

CREATE TABLE IF NOT EXISTS geo_silos
(
    cluster     text        NOT NULL REFERENCES geo_silos_version (cluster),
    address     text        NOT NULL,
    port        integer     NOT NULL,
    generation  integer     NOT NULL,
    name        text        NOT NULL,
    host        text        NOT NULL,
    status      integer     NOT NULL,
    gateway     integer     NOT NULL,
    suspicions  text,
    started_at  timestamptz NOT NULL,
    alive_at    timestamptz NOT NULL,
    CONSTRAINT geo_silos_key PRIMARY KEY (cluster, address, port, generation)
);

COMMENT ON TABLE geo_silos IS 'Silos of the clusters that have their membership in this one database. Written by silos alone.';

INSERT INTO orleansquery (querykey, querytext)
VALUES
(
    'InsertMembershipVersionKey',
    $statement$
    WITH made AS
        (INSERT INTO geo_silos_version (cluster, version) VALUES (@DeploymentId, 0) ON CONFLICT (cluster) DO NOTHING RETURNING cluster)
    SELECT EXISTS (SELECT FROM made)
    $statement$
),
(
    -- The version is answered where there is no silo, with nothing beside it.
    'MembershipReadAllKey',
    $statement$
    SELECT v.version AS Version, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
           s.host AS HostName, s.status AS Status, s.gateway AS ProxyPort, s.suspicions AS SuspectTimes,
           s.started_at AS StartTime, s.alive_at AS IAmAliveTime
    FROM geo_silos_version v LEFT JOIN geo_silos s USING (cluster)
    WHERE v.cluster = @DeploymentId
    $statement$
),
(
    'MembershipReadRowKey',
    $statement$
    SELECT v.version AS Version, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
           s.host AS HostName, s.status AS Status, s.gateway AS ProxyPort, s.suspicions AS SuspectTimes,
           s.started_at AS StartTime, s.alive_at AS IAmAliveTime
    FROM geo_silos_version v LEFT JOIN geo_silos s
        ON s.cluster = v.cluster AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
    WHERE v.cluster = @DeploymentId
    $statement$
),
(
    -- Who waited for another's change of the version finds it moved on, and does nothing.
    'InsertMembershipKey',
    $statement$
    WITH turned AS
    (
        UPDATE geo_silos_version
        SET version = version + 1
        WHERE cluster = @DeploymentId AND version = @Version AND NOT EXISTS
            (SELECT FROM geo_silos
             WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING cluster
    ),
    joined AS
    (
        INSERT INTO geo_silos (cluster, address, port, generation, name, host, status, gateway, started_at, alive_at)
        SELECT cluster, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
        FROM turned
        RETURNING cluster
    )
    SELECT EXISTS (SELECT FROM joined)
    $statement$
),
(
    -- A silo is judged by what was known of it; a sign of life that came since is not taken back.
    'UpdateMembershipKey',
    $statement$
    WITH turned AS
    (
        UPDATE geo_silos_version
        SET version = version + 1
        WHERE cluster = @DeploymentId AND version = @Version AND EXISTS
            (SELECT FROM geo_silos
             WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING cluster
    ),
    changed AS
    (
        UPDATE geo_silos s
        SET status = @Status, suspicions = @SuspectTimes, alive_at = greatest(s.alive_at, @IAmAliveTime)
        FROM turned
        WHERE s.cluster = turned.cluster AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
        RETURNING s.cluster
    )
    SELECT EXISTS (SELECT FROM changed)
    $statement$
),
(
    'UpdateIAmAlivetimeKey',
    $statement$
    UPDATE geo_silos
    SET alive_at = @IAmAliveTime
    WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
    $statement$
),
(
    'GatewaysQueryKey',
    $statement$
    SELECT address AS Address, gateway AS ProxyPort, generation AS Generation
    FROM geo_silos
    WHERE cluster = @DeploymentId AND status = @Status AND gateway > 0
    $statement$
),
(
    -- 3 is an active silo: that it is lost is for the others to say.
    'CleanupDefunctSiloEntriesKey',
    $statement$
    DELETE FROM geo_silos WHERE cluster = @DeploymentId AND status <> 3 AND alive_at < @IAmAliveTime
    $statement$
),
(
    -- The version goes on, so that nothing that was decided before holds any more.
    'DeleteMembershipTableEntriesKey',
    $statement$
    WITH turned AS (UPDATE geo_silos_version SET version = version + 1 WHERE cluster = @DeploymentId RETURNING cluster)
    DELETE FROM geo_silos s USING turned WHERE s.cluster = turned.cluster
    $statement$
)
ON CONFLICT (querykey) DO UPDATE SET querytext = excluded.querytext;

COMMIT;
