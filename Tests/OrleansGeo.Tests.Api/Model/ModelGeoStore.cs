using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

/// <summary>
/// The meaning of <see cref="IGeoStore"/> in one process: every version of every row under one lock, versions from a counting clock.
/// A test model; it stores nothing and survives nothing.
/// </summary>
public sealed partial class ModelGeoStore : IGeoStore
{
    /// <summary>How far a replica's closed timestamp is behind.</summary>
    public const long ClosedLagMs = 500;

    private static readonly ImmutableArray<string> s_regions = ["europe-west1", "us-east1", "us-west1"];

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, (long Id, DatabaseSpec Spec)> _databases = new(StringComparer.Ordinal);
    private readonly SortedDictionary<(string Database, string Table), ModelTable> _tables = [];
    private readonly Dictionary<(string Database, string Key), (string Request, object Result)> _requests = [];
    private HlcTimestamp _now = HlcTimestamp.FromMillis(1_763_704_800_000);
    private long _lastId;

    /// <summary>The refusal to give to everything, to see how it is shown.</summary>
    public GeoError? FailWith { get; set; }

    /// <summary>What the probe says.</summary>
    public Readiness Ready { get; set; } = new(true, []);

    /// <summary>The options of the last request.</summary>
    public RequestOptions? LastOptions { get; private set; }

    /// <summary>The bound of the last read.</summary>
    public ReadBound? LastBound { get; private set; }

    /// <summary>Lets time pass.</summary>
    public void Advance(TimeSpan by)
    {
        lock (_lock)
        {
            _now = _now.AddMillis((long)by.TotalMilliseconds);
        }
    }

    public Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            if (_databases.ContainsKey(spec.Name))
            {
                return Refused<DatabaseInfo>(
                    new(GeoErrorKind.AlreadyExists, "database-exists", $"There is a database {spec.Name}.", "name"));
            }

            if (SchemaRules.Check(spec, s_regions) is { } error)
            {
                return Refused<DatabaseInfo>(error);
            }

            _databases[spec.Name] = (++_lastId, spec);
            return Given(InfoOf(spec.Name));
        });

    public Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => _databases.ContainsKey(database) ? Given(InfoOf(database)) : Refused<DatabaseInfo>(NoDatabase(database)));

    public Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Given(new Listing<DatabaseInfo>([.. _databases.Keys.Select(InfoOf)])));

    public Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            if (!_databases.ContainsKey(database))
            {
                return Refused<DatabaseInfo>(NoDatabase(database));
            }

            var info = InfoOf(database);
            if (!info.Tables.IsEmpty)
            {
                return Refused<DatabaseInfo>(new(GeoErrorKind.Unprocessable, "database-not-empty", $"{database} has tables.", "db"));
            }

            _databases.Remove(database);
            return Given(info);
        });

    public Task<GeoResult<TableInfo>> CreateTableAsync(
        string database, TableSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            if (!_databases.TryGetValue(database, out var home))
            {
                return Refused<TableInfo>(NoDatabase(database));
            }

            if (_tables.ContainsKey((database, spec.Name)))
            {
                return Refused<TableInfo>(new(GeoErrorKind.AlreadyExists, "table-exists", $"There is a table {spec.Name}.", "name"));
            }

            if (SchemaRules.Check(spec, home.Spec) is { } error)
            {
                return Refused<TableInfo>(error);
            }

            var region = (spec.Locality as TableLocality.Regional)?.Region ?? home.Spec.PrimaryRegion;
            var info = new TableInfo(
                ++_lastId, database, spec, [.. Enumerable.Range(1, spec.Columns.Length)], 1, region, spec.Survive ?? home.Spec.Survive);
            _tables[(database, spec.Name)] = new(info, Tick());
            AddFirstRange(info);
            return Given(info);
        });

    public Task<GeoResult<TableInfo>> GetTableAsync(
        TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found => Given(found.Info)));

    public Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => _databases.ContainsKey(database)
            ? Given(new Listing<TableInfo>([.. _tables.Where(pair => pair.Key.Database == database).Select(pair => pair.Value.Info)]))
            : Refused<Listing<TableInfo>>(NoDatabase(database)));

    public Task<GeoResult<TableInfo>> ChangeTableAsync(
        TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found =>
        {
            foreach (var column in change.AddColumns)
            {
                if (found.Info.IndexOf(column.Name) >= 0)
                {
                    return Refused<TableInfo>(
                        new(GeoErrorKind.AlreadyExists, "column-exists", $"There is a column {column.Name}.", "addColumns"));
                }

                if (!column.Nullable && column.Default is null && column.DefaultFunction is null)
                {
                    return Refused<TableInfo>(SchemaRules.Wrong("addColumns", "default-expected", $"{column.Name} needs a default."));
                }
            }

            var first = found.Info.ColumnIds.Max() + 1;
            found.Info = found.Info with
            {
                Spec = found.Info.Spec with { Columns = found.Info.Spec.Columns.AddRange(change.AddColumns) },
                ColumnIds = found.Info.ColumnIds.AddRange(Enumerable.Range(first, change.AddColumns.Length)),
                SchemaVersion = found.Info.SchemaVersion + 1,
            };
            return Given(found.Info);
        }));

    public Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found =>
        {
            _tables.Remove((table.Database, table.Table));
            RemoveRanges(found.Info);
            return Given(found.Info);
        }));

    private DatabaseInfo InfoOf(string name) => new(
        _databases[name].Id, _databases[name].Spec, [.. _tables.Keys.Where(key => key.Database == name).Select(key => key.Table)]);

    private GeoResult<T> WithTable<T>(TableRef table, Func<ModelTable, GeoResult<T>> then)
        where T : class =>
        _tables.TryGetValue((table.Database, table.Table), out var found) ? then(found)
        : Refused<T>(_databases.ContainsKey(table.Database)
            ? new(GeoErrorKind.NotFound, "unknown-table", $"There is no table {table.Table}.", "table")
            : NoDatabase(table.Database));

    private Task<GeoResult<T>> Do<T>(RequestOptions options, Func<GeoResult<T>> act)
        where T : class
    {
        lock (_lock)
        {
            LastOptions = options;
            return Task.FromResult(FailWith is { } error ? Refused<T>(error) : act());
        }
    }

    private HlcTimestamp Tick() => _now = _now.Next;

    private ResponseMeta Meta(string consistency = "strong", HlcTimestamp? timestamp = null, double staleness = 0) =>
        new(consistency, timestamp, staleness, "n1", "us-east1", "n1", 0, 0.1, [], $"s.{_now}");

    private GeoResult<T> Given<T>(T value, ResponseMeta? meta = null)
        where T : class => new(value, null, meta ?? Meta());

    private GeoResult<T> Refused<T>(GeoError error)
        where T : class => new(null, error, Meta());

    private static GeoError NoDatabase(string name) =>
        new(GeoErrorKind.NotFound, "unknown-database", $"There is no database {name}.", "db");
}
