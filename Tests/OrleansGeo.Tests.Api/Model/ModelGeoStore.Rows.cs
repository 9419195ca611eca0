using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

public sealed partial class ModelGeoStore
{
    public Task<GeoResult<WriteResult>> WriteRowAsync(
        TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Once(table.Database, options, Show(table, write), () => WithTable(table, found => WriteOne(found, write))));

    public Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Once(
            table.Database, options, string.Concat(writes.Select(write => Show(table, write))), () => WithTable(table, found =>
                Given(new Listing<GeoResult<WriteResult>>([.. writes.Select(write => WriteOne(found, write))])))));

    private GeoResult<T> Once<T>(string database, RequestOptions options, string request, Func<GeoResult<T>> act)
        where T : class
    {
        if (options.IdempotencyKey is not { } key)
        {
            return act();
        }

        if (_requests.TryGetValue((database, key), out var earlier))
        {
            return earlier.Request == request
                ? (GeoResult<T>)earlier.Result
                : Refused<T>(
                    new(
                        GeoErrorKind.IdempotencyMismatch, "idempotency-mismatch", "The key was used with another request.",
                        "Idempotency-Key"));
        }

        var result = act();
        _requests[(database, key)] = (request, result);
        return result;
    }

    private GeoResult<WriteResult> WriteOne(ModelTable table, RowWrite write)
    {
        var key = write.Key;
        if (CheckKey(table.Info, ref key, write.Kind) is { } error)
        {
            return Refused<WriteResult>(error);
        }

        var before = table.At(key, HlcTimestamp.Max);
        error = TryWrite(table, write, key, before, out var row);
        if (error is not null)
        {
            return Refused<WriteResult>(error);
        }

        var version = Tick();
        table.Append(key, version, row);
        return Given(new WriteResult(before is null, key, version, row));
    }

    // What a write makes of a row, null for nothing left; else why it is refused.
    private GeoError? TryWrite(ModelTable table, RowWrite write, ImmutableArray<Datum> key, VersionedRow? before, out Row? row)
    {
        row = null;
        return CheckPrecondition(write.Precondition, before) ?? CheckExistence(write.Kind, before)
            ?? (write.Kind == WriteKind.Delete ? null : Compose(table.Info, key, write, before?.Row, out row));
    }

    private GeoError? CheckKey(TableInfo table, ref ImmutableArray<Datum> key, WriteKind kind)
    {
        if (key.Length != table.Spec.PrimaryKey.Length)
        {
            return SchemaRules.Wrong("key", "wrong-key-length", "The key has another number of columns.");
        }

        var values = key.ToArray();
        for (var i = 0; i < values.Length; i++)
        {
            var column = table.Spec.Columns[table.IndexOf(table.Spec.PrimaryKey[i])];
            if (values[i].IsNull && kind == WriteKind.Insert)
            {
                values[i] = DefaultOf(column);
            }

            if (values[i].Type != column.Type)
            {
                return SchemaRules.Wrong(
                    column.Name, values[i].IsNull ? "null-not-allowed" : "wrong-type", $"{column.Name} needs a {column.Type}.");
            }
        }

        key = [.. values];
        return values.Sum(value => DatumText.Format(value).Length) > GeoLimits.KeyBytesMax
            ? new(GeoErrorKind.TooLarge, "key-too-large", "A key has at most 4096 bytes.", "key")
            : null;
    }

    private Datum DefaultOf(ColumnSpec column) =>
        column.DefaultFunction is not null
            ? Datum.FromUuid(new Guid((int)++_lastId, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0))
            : column.Default ?? Datum.Null;

    private static GeoError? CheckPrecondition(Precondition condition, VersionedRow? before)
    {
        var holds = (!condition.IfExists || before is not null)
            && (!condition.IfAbsent || before is null)
            && (condition.IfMatch.IsEmpty || (before is not null && condition.IfMatch.Contains(before.Version)))
            && (before is null || !condition.IfNoneMatch.Contains(before.Version));
        return holds ? null : new(GeoErrorKind.PreconditionFailed, "precondition-failed", "The precondition does not hold.");
    }

    private static GeoError? CheckExistence(WriteKind kind, VersionedRow? before) => kind switch
    {
        WriteKind.Insert when before is not null => new(GeoErrorKind.AlreadyExists, "row-exists", "The row exists.", "key"),
        WriteKind.Merge or WriteKind.Delete or WriteKind.Increment when before is null => NoRow(),
        _ => null,
    };

    private static GeoError NoRow() => new(GeoErrorKind.NotFound, "unknown-row", "There is no such row.", "key");

    private GeoError? Compose(TableInfo table, ImmutableArray<Datum> key, RowWrite write, Row? before, out Row? row)
    {
        var given = new Dictionary<string, Datum>(StringComparer.Ordinal);
        row = null;
        foreach (var (name, value) in write.Values)
        {
            var at = table.IndexOf(name);
            if (at < 0 || table.IsKey(name))
            {
                return SchemaRules.Wrong(name, "unknown-column", $"There is no column {name} to set.");
            }

            if (!value.IsNull && value.Type != table.Spec.Columns[at].Type)
            {
                return SchemaRules.Wrong(name, "wrong-type", $"{name} needs a {table.Spec.Columns[at].Type}.");
            }

            given[name] = value;
            if (write.Kind == WriteKind.Increment)
            {
                if (!DatumSum.IsNumber(value.Type))
                {
                    return SchemaRules.Wrong(name, "not-a-number", $"{name} holds no numbers, or is given none.");
                }

                if (!DatumSum.TryAdd(DatumSum.OrZero(before![name], value.Type), value, out var sum))
                {
                    return TransactionRefusals.OutOfRange();
                }

                given[name] = sum;
            }
        }

        if (write.Kind == WriteKind.Increment && given.Count == 0)
        {
            return new(GeoErrorKind.Invalid, "nothing-to-add", "An increment names a column.", "values");
        }

        var values = new List<KeyValuePair<string, Datum>>();
        foreach (var column in table.Spec.Columns)
        {
            var value = table.IsKey(column.Name) ? key[table.Spec.PrimaryKey.IndexOf(column.Name)]
                : given.TryGetValue(column.Name, out var set) ? set
                : write.Kind is WriteKind.Merge or WriteKind.Increment ? before![column.Name]
                : DefaultOf(column);
            if (!value.IsNull)
            {
                values.Add(new(column.Name, value));
            }
            else if (!column.Nullable)
            {
                return SchemaRules.Wrong(column.Name, "null-not-allowed", $"{column.Name} is never null.");
            }
        }

        row = new(values);
        return values.Sum(pair => (long)DatumText.Format(pair.Value).Length) > GeoLimits.RowBytesMax
            ? new(GeoErrorKind.TooLarge, "row-too-large", "A row has at most 1 MiB.", "body")
            : null;
    }

    private static string Show(TableRef table, RowWrite write) =>
        $"{table}|{write.Kind}|{string.Join('/', write.Key)}|{string.Join(',', write.Values.Select(pair => $"{pair.Key}={pair.Value}"))}|"
        + $"{string.Join(',', write.Precondition.IfMatch)}{write.Precondition.IfExists}{write.Precondition.IfAbsent}"
        + $"{string.Join(',', write.Precondition.IfNoneMatch)};";
}
