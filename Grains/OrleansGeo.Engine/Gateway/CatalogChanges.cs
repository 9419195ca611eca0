using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Databases and tables: creating, changing, dropping. Every change of a table also touches its database's record, so that it conflicts
/// with the database being dropped; ids come from one counter in the same write, so none is given twice or lost with a refused decision.
/// </summary>
internal sealed class CatalogChanges(GatewayCore core, CatalogReader catalog)
{
    private readonly CatalogCommit _commit = new(core);
    private readonly PlacementPlanner _planner = new(core);

    public async Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(RequestScope scope, DatabaseSpec spec, string? idempotencyKey)
    {
        if ((CatalogRules.Check(spec, Regions())
            ?? (await _planner.PlaceAsync(scope, spec, spec.PrimaryRegion, spec.Survive, "survive")).Error) is { } invalid)
        {
            return scope.Fail<DatabaseInfo>(invalid);
        }

        var anchor = SystemKeys.Database(spec.Name);
        var body = SystemRecords.Encode(0, spec);
        var end = await _commit.RunAsync(scope, new(spec.Name, anchor, idempotencyKey, Hash('D', body)), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, anchor, SystemKeys.NextId);
            if (found is null)
            {
                return (null, error);
            }

            if (found.Values[0].Value is not null)
            {
                return (null, new(GeoErrorKind.AlreadyExists, "database-exists", $"there is a database {spec.Name}", "name"));
            }

            var id = NextId(found.Values[1]);
            return (new(
                [
                    new(WriteKind.Put, anchor, SystemRecords.Encode(id, spec), CatalogCommit.Absent),
                    Counter(found.Values[1], id + 1),
                ]), null);
        });
        return end.Error is { } failed
            ? scope.Fail<DatabaseInfo>(failed)
            : scope.Ok(Info(SystemRecords.DecodeDatabase(end.Record, end.Version)));
    }

    public async Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(RequestScope scope, string name, string? idempotencyKey)
    {
        var anchor = SystemKeys.Database(name);
        var end = await _commit.RunAsync(scope, new(name, anchor, idempotencyKey, RequestIds.Hash("drop database " + name)), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, anchor);
            if (found is null)
            {
                return (null, error);
            }

            if (found.Values[0].Value is null)
            {
                return (null, CatalogReader.NoDatabase(name));
            }

            var (tables, unread) = await catalog.ScanAsync(scope, SystemKeys.TablesOf(name));
            if (unread is not null)
            {
                return (null, unread);
            }

            return tables.Count > 0
                ? (null, new(GeoErrorKind.Unprocessable, "database-not-empty",
                    $"the database {name} has {tables.Count} tables; drop them first", "database"))
                : (new([new(WriteKind.Delete, anchor, ReadOnlyMemory<byte>.Empty, CatalogCommit.Unchanged(found.Values[0].Version))]),
                    null);
        });
        return end.Error is { } failed
            ? scope.Fail<DatabaseInfo>(failed)
            : scope.Ok(Info(SystemRecords.DecodeDatabase(end.Record, end.Version)));
    }

    public async Task<GeoResult<TableInfo>> CreateTableAsync(RequestScope scope, string database, TableSpec spec, string? idempotencyKey)
    {
        var anchor = SystemKeys.Table(database, spec.Name);
        var body = RequestIds.Hash($"create table {database} {Describe(spec)}");
        var end = await _commit.RunAsync(
            scope, new(database, anchor, idempotencyKey, body), () => PlanTableAsync(scope, database, anchor, spec));
        if (end.Error is { } failed)
        {
            return scope.Fail<TableInfo>(failed);
        }

        var table = SystemRecords.DecodeTable(end.Record, end.Version).Info;
        var prefix = TableKeys.Prefix(table.Id);
        var first = await core.AskAsync(scope, prefix, new RangeOperation.Get([prefix], null));
        return first.Outcome is RangeOutcome.Found
            ? scope.Ok(table)
            : scope.Fail<TableInfo>(new(
                GeoErrorKind.OutcomeUnknown,
                "outcome-unknown",
                $"the table was made, and its range has no leaseholder yet: {first.Error?.Detail ?? "it did not answer"}",
                RetryAfterMs: 1000));
    }

    public async Task<GeoResult<TableInfo>> ChangeTableAsync(RequestScope scope, TableRef name, TableChange change, string? idempotencyKey)
    {
        var anchor = SystemKeys.Table(name.Database, name.Table);
        var added = change.AddColumns.IsDefault ? [] : change.AddColumns;
        var body = RequestIds.Hash($"change table {name.Database} {name.Table} {string.Join(';', added.Select(Describe))}");
        var end = await _commit.RunAsync(scope, new(name.Database, anchor, idempotencyKey, body), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, anchor);
            if (found is null)
            {
                return (null, error);
            }

            if (found.Values[0].Value is not { } bytes)
            {
                return (null, CatalogReader.NoTable(name));
            }

            var table = SystemRecords.DecodeTable(bytes, found.Values[0].Version).Info;
            return CatalogRules.Check(change, table) is { } invalid
                ? (null, invalid)
                : (new([new(
                    WriteKind.Put, anchor, SystemRecords.Encode(Changed(table, added)), CatalogCommit.Unchanged(found.Values[0].Version))]),
                        null);
        });
        return end.Error is { } failed
            ? scope.Fail<TableInfo>(failed)
            : scope.Ok(SystemRecords.DecodeTable(end.Record, end.Version).Info);
    }

    public async Task<GeoResult<TableInfo>> DropTableAsync(RequestScope scope, TableRef name, string? idempotencyKey)
    {
        var anchor = SystemKeys.Table(name.Database, name.Table);
        var body = RequestIds.Hash($"drop table {name.Database} {name.Table}");
        var end = await _commit.RunAsync(scope, new(name.Database, anchor, idempotencyKey, body), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, anchor, SystemKeys.Database(name.Database));
            if (found is null)
            {
                return (null, error);
            }

            if (found.Values[0].Value is not { } bytes)
            {
                return (null, found.Values[1].Value is null ? CatalogReader.NoDatabase(name.Database) : CatalogReader.NoTable(name));
            }

            var table = SystemRecords.DecodeTable(bytes, found.Values[0].Version).Info;
            var writes = ImmutableArray.CreateBuilder<KeyWrite>();
            writes.Add(new(WriteKind.Delete, anchor, ReadOnlyMemory<byte>.Empty, CatalogCommit.Unchanged(found.Values[0].Version)));
            writes.Add(Touch(SystemKeys.Database(name.Database), found.Values[1]));
            var (entries, unread) = await catalog.ScanAsync(scope, SystemKeys.Ranges);
            foreach (var entry in entries)
            {
                // On condition that no split has changed the entry: a half that is published meanwhile must go too.
                if (RangeDescriptor.Decode(entry.Value).TableId == table.Id)
                {
                    writes.Add(new(WriteKind.Delete, entry.Key, ReadOnlyMemory<byte>.Empty, CatalogCommit.Unchanged(entry.Version)));
                }
            }

            return unread is null ? (new(writes.ToImmutable()), null) : (null, unread);
        });
        return end.Error is { } failed
            ? scope.Fail<TableInfo>(failed)
            : scope.Ok(SystemRecords.DecodeTable(end.Record, end.Version).Info);
    }

    /// <summary>A new id of the cluster's counter.</summary>
    public async Task<(long Id, GeoError? Error)> AllocateIdAsync(RequestScope scope)
    {
        long id = 0;
        var end = await _commit.RunAsync(
            scope, new(string.Empty, SystemKeys.NextId, null, RequestIds.Hash("allocate id"), false), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, SystemKeys.NextId);
            if (found is null)
            {
                return (null, error);
            }

            id = NextId(found.Values[0]);
            return (new([Counter(found.Values[0], id + 1)]), null);
        });
        return (id, end.Error);
    }

    /// <summary>A database as users see it.</summary>
    public DatabaseInfo Info(DatabaseRecord database)
    {
        var tables = ImmutableArray.CreateBuilder<string>();
        foreach (var ((owner, table), _) in core.View.Tables)
        {
            if (string.Equals(owner, database.Spec.Name, StringComparison.Ordinal))
            {
                tables.Add(table);
            }
        }

        return new(database.Id, database.Spec, tables.ToImmutable());
    }

    private async Task<(CatalogPlan? Plan, GeoError? Error)> PlanTableAsync(RequestScope scope, string database, Key anchor, TableSpec spec)
    {
        var (found, error) = await catalog.ReadAsync(scope, anchor, SystemKeys.Database(database), SystemKeys.NextId);
        if (found is null)
        {
            return (null, error);
        }

        if (found.Values[1].Value is not { } bytes)
        {
            return (null, CatalogReader.NoDatabase(database));
        }

        var owner = SystemRecords.DecodeDatabase(bytes, found.Values[1].Version).Spec;
        if (CatalogRules.Check(spec, owner, out var normal) is { } invalid)
        {
            return (null, invalid);
        }

        if (found.Values[0].Value is not null)
        {
            return (null, new(
                GeoErrorKind.AlreadyExists, "table-exists", $"there is a table {spec.Name} in the database {database}", "name"));
        }

        var home = ((TableLocality.Regional)spec.Locality).Region ?? owner.PrimaryRegion;
        var goal = spec.Survive ?? owner.Survive;
        var (placed, refused) = await _planner.PlaceAsync(scope, owner, home, goal, "survive");
        if (placed is null)
        {
            return (null, refused);
        }

        var id = NextId(found.Values[2]);
        var table = new TableInfo(id, database, normal, [.. Enumerable.Range(1, normal.Columns.Length)], 1, home, goal);
        var range = NewRange(new(id + 1), table, placed);
        return (new(
            [
                new(WriteKind.Put, anchor, SystemRecords.Encode(table), CatalogCommit.Absent),
                Touch(SystemKeys.Database(database), found.Values[1]),
                Counter(found.Values[2], id + 2),
                new(WriteKind.Put, SystemKeys.Range(range.Id), range.Encode(), CatalogCommit.Absent),
            ]), null);
    }

    private static RangeDescriptor NewRange(RangeId id, TableInfo table, PlacementResult.Placed placed) => new(
        id,
        TableKeys.Span(table.Id),
        1,
        new Configuration(placed.Voters, [], placed.NonVoters, placed.Witnesses),
        table.Id,
        table.EffectiveGoal,
        placed.LeasePreferences);

    private static TableInfo Changed(TableInfo table, ImmutableArray<ColumnSpec> added) => table with
    {
        Spec = table.Spec with { Columns = table.Spec.Columns.AddRange(added) },
        ColumnIds = table.ColumnIds.AddRange(Enumerable.Range(table.ColumnIds.Max() + 1, added.Length)),
        SchemaVersion = table.SchemaVersion + 1,
    };

    private SortedSet<string> Regions() => new(core.View.Nodes.Values.Select(node => node.Region), StringComparer.Ordinal);

    private static long NextId(FoundValue counter) =>
        counter.Value is { } bytes ? SystemRecords.DecodeNextId(bytes) : SystemBootstrap.FirstId;

    private static KeyWrite Counter(FoundValue read, long next) => new(
        WriteKind.Put,
        SystemKeys.NextId,
        SystemRecords.EncodeNextId(next),
        read.Value is null ? CatalogCommit.Absent : CatalogCommit.Unchanged(read.Version));

    // Writes what is there: its version goes up, so whoever decided on the older one decides again.
    private static KeyWrite Touch(Key key, FoundValue read) => new(WriteKind.Put, key, read.Value, CatalogCommit.Unchanged(read.Version));

    private static ImmutableArray<byte> Hash(char kind, byte[] record) => RequestIds.Hash(kind + Convert.ToHexStringLower(record));

    private static string Describe(TableSpec spec) =>
        $"{spec.Name}({string.Join(';', spec.Columns.IsDefault ? [] : spec.Columns.Select(Describe))}) "
        + $"[{string.Join(';', spec.PrimaryKey.IsDefault ? [] : spec.PrimaryKey)}] {spec.Locality} {spec.Survive}";

    private static string Describe(ColumnSpec column) =>
        $"{column.Name} {column.Type} {column.Nullable} "
        + $"{(column.Default is { IsNull: false } value ? DatumText.Format(value) : "-")} {column.DefaultFunction}";
}
