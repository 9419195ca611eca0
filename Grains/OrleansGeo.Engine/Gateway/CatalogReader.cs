using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Names to tables and databases. This node's own view decides when it knows the name; a name it does not know is asked of the system range
/// strongly before it counts as absent, except for stale reads, which contact nobody.
/// </summary>
internal sealed class CatalogReader(GatewayCore core)
{
    /// <summary>A table, or why there is none.</summary>
    public ValueTask<(TableRecord? Table, GeoError? Error)> TableAsync(RequestScope scope, TableRef name, bool localOnly) =>
        core.View.Tables.TryGetValue((name.Database, name.Table), out var known) ? new((known, null))
        : localOnly ? new((null, NoTable(name)))
        : AskForTableAsync(scope, name);

    /// <summary>A database, or why there is none.</summary>
    public ValueTask<(DatabaseRecord? Database, GeoError? Error)> DatabaseAsync(RequestScope scope, string name) =>
        core.View.Databases.TryGetValue(name, out var known) ? new((known, null)) : AskForDatabaseAsync(scope, name);

    /// <summary>Reads keys of the system range strongly.</summary>
    public async Task<(RangeOutcome.Found? Found, GeoError? Error)> ReadAsync(RequestScope scope, params Key[] keys)
    {
        var end = await core.AskAsync(scope, keys[0], new RangeOperation.Get([.. keys], null));
        return end.Outcome is RangeOutcome.Found found ? (found, null) : (null, end.Error ?? Unexpected(end.Outcome));
    }

    /// <summary>Reads a span of the system range strongly, page after page.</summary>
    public async Task<(List<FoundValue> Rows, GeoError? Error)> ScanAsync(RequestScope scope, KeySpan span)
    {
        var rows = new List<FoundValue>();
        KeySpan? rest = span;
        while (rest is { IsEmpty: false } todo)
        {
            var end = await core.AskAsync(
                scope, todo.Start, new RangeOperation.Scan(todo, null, false, GeoLimits.PageRowsMax, GeoLimits.PageBytesMax));
            if (end.Outcome is not RangeOutcome.Scanned scanned)
            {
                return (rows, end.Error ?? Unexpected(end.Outcome));
            }

            rows.AddRange(scanned.Rows);
            rest = scanned.Resume;
        }

        return (rows, null);
    }

    public static GeoError NoTable(TableRef name) =>
        new(GeoErrorKind.NotFound, "table-not-found", $"there is no table {name.Table} in the database {name.Database}", "table");

    public static GeoError NoDatabase(string name) =>
        new(GeoErrorKind.NotFound, "database-not-found", $"there is no database {name}", "database");

    public static GeoError Unexpected(RangeOutcome? outcome) => outcome switch
    {
        RangeOutcome.Unsuitable unsuitable => new(GeoErrorKind.Unprocessable, "unsuitable", unsuitable.Why),
        RangeOutcome.TooOld tooOld => new(
            GeoErrorKind.TooOld,
            "timestamp-too-old",
            $"older versions of these rows are no longer kept; the oldest timestamp that can be read is {tooOld.Oldest}",
            Facts: ImmutableSortedDictionary<string, string>.Empty.Add("oldest", tooOld.Oldest.ToString())),
        _ => new(
            GeoErrorKind.Conflict, "unexpected-answer", $"the range answered {outcome?.GetType().Name ?? "nothing"}; ask again",
            RetryAfterMs: 100),
    };

    private async ValueTask<(TableRecord? Table, GeoError? Error)> AskForTableAsync(RequestScope scope, TableRef name)
    {
        var (found, error) = await ReadAsync(scope, SystemKeys.Database(name.Database), SystemKeys.Table(name.Database, name.Table));
        if (found is null)
        {
            return (null, error);
        }

        if (found.Values[1].Value is not { } bytes)
        {
            return (null, found.Values[0].Value is null ? NoDatabase(name.Database) : NoTable(name));
        }

        // The table's ranges are in the same directory, so this node catches up before it goes on.
        return await core.RefreshSystemAsync(scope) is { } late
            ? (null, late)
            : (SystemRecords.DecodeTable(bytes, found.Values[1].Version), null);
    }

    private async ValueTask<(DatabaseRecord? Database, GeoError? Error)> AskForDatabaseAsync(RequestScope scope, string name)
    {
        var (found, error) = await ReadAsync(scope, SystemKeys.Database(name));
        return found is null ? (null, error)
            : found.Values[0].Value is { } bytes ? (SystemRecords.DecodeDatabase(bytes, found.Values[0].Version), null)
            : (null, NoDatabase(name));
    }
}
