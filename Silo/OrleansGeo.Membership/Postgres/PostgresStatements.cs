namespace OrleansGeo.Membership;

/// <summary>
/// The rules of <see cref="Acceptor"/> as SQL. Each write is one statement whose conditions are checked on the row it locks, so that
/// nothing comes between reading and writing. Where nothing was written, the second half of the statement says what was there when it
/// began, which may by then be a little old: a refusal, and never a promise, rests on it.
/// Parameters: 1 register, 2 acceptor, 3 acceptors, 4 floor.
/// </summary>
internal static class PostgresStatements
{
    // A transaction's number is in the row twice: as the database put it, and as the writer did. A copied or edited row has two numbers.
    private const string Intact = "(t.written_by::text::bigint & 4294967295) = t.xmin::text::bigint";

    private const string Synced = "current_setting('fsync') = 'on'";

    private const string Columns = $"""
        t.acceptor, t.acceptors, t.promised_counter, t.promised_proposer, t.accepted_counter, t.accepted_proposer, t.value,
        t.writes, t.witnessed, t.refusal, {Intact} AS intact, {Synced} AS synced,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS life
        """;

    private const string TakesPart = $"""
        t.register = $1 AND t.acceptor = $2 AND t.acceptors = $3 AND t.writes >= $4 AND t.refusal IS NULL AND {Intact} AND {Synced}
        """;

    private const string Witness = """
        ARRAY(SELECT GREATEST(pair.a, pair.b) FROM unnest(t.witnessed, $7::bigint[]) WITH ORDINALITY AS pair(a, b, place) ORDER BY place)
        """;

    private const string OrElseWhatIsThere = $"""
        SELECT true AS done, * FROM done
        UNION ALL
        SELECT false, {Columns} FROM geo_membership_register AS t WHERE t.register = $1 AND NOT EXISTS (SELECT 1 FROM done)
        """;

    public const string Inspect = $"SELECT true AS done, {Columns} FROM geo_membership_register AS t WHERE t.register = $1";

    /// <summary>5 and 6 the ballot, 7 what is known of the others.</summary>
    public const string Prepare = $"""
        WITH done AS (
            UPDATE geo_membership_register AS t
            SET promised_counter = $5, promised_proposer = $6, writes = t.writes + 1, witnessed = {Witness},
                written_by = pg_current_xact_id(), written_at = now()
            WHERE {TakesPart} AND (t.promised_counter, t.promised_proposer) < ($5, $6)
            RETURNING {Columns})
        {OrElseWhatIsThere}
        """;

    /// <summary>5, 6 the ballot, 7 what is known of the others, 8, 9 the next ballot, 10 the writes, 11 version, 12 value.</summary>
    public const string Accept = $"""
        WITH done AS (
            UPDATE geo_membership_register AS t
            SET accepted_counter = $5, accepted_proposer = $6, promised_counter = $8, promised_proposer = $9, version = $11, value = $12,
                writes = t.writes + 1, witnessed = {Witness}, written_by = pg_current_xact_id(), written_at = now()
            WHERE {TakesPart} AND t.promised_counter = $5 AND t.promised_proposer = $6 AND t.writes = $10
                AND (t.accepted_counter, t.accepted_proposer) <> ($5, $6)
            RETURNING {Columns})
        {OrElseWhatIsThere}
        """;

    /// <summary>1 register, 2 floor, 3 reason.</summary>
    public const string Quarantine = """
        UPDATE geo_membership_register SET refusal = $3, written_by = pg_current_xact_id(), written_at = now()
        WHERE register = $1 AND writes < $2 AND refusal IS NULL
        """;

    /// <summary>A whole record, unless there is one that takes part.</summary>
    public const string Seat = $"""
        INSERT INTO geo_membership_register AS t
            (register, acceptor, acceptors, promised_counter, promised_proposer, accepted_counter, accepted_proposer,
             version, value, writes, witnessed, refusal, written_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, pg_current_xact_id())
        ON CONFLICT (register) DO UPDATE SET
            acceptor = excluded.acceptor, acceptors = excluded.acceptors,
            promised_counter = excluded.promised_counter, promised_proposer = excluded.promised_proposer,
            accepted_counter = excluded.accepted_counter, accepted_proposer = excluded.accepted_proposer,
            version = excluded.version, value = excluded.value, writes = excluded.writes, witnessed = excluded.witnessed,
            refusal = NULL, written_by = excluded.written_by, written_at = now()
        WHERE t.acceptor = excluded.acceptor AND t.acceptors = excluded.acceptors AND (t.refusal IS NOT NULL OR NOT ({Intact}))
        """;
}
