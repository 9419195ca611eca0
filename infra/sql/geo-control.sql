-- What must be readable while a cluster's own store is down: who the cluster is and which nodes it began with. One row per cluster,
-- the same in each of its membership databases. PostgreSQL 13 or newer. Running it again changes nothing. Rows are made by
-- geo-silo init and never changed. The document holds the cluster's secret: let nobody read the table but the role of the silos,
-- which needs SELECT on it.

CREATE TABLE IF NOT EXISTS geo_control
(
    cluster_id  text        NOT NULL PRIMARY KEY,
    document    text        NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE geo_control IS
    'Cluster files of OrleansGeo clusters. Written by geo-silo init; see docs/membership.md.';
