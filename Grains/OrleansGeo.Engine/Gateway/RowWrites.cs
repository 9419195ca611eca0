using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Writes of rows. Each row is one write to one range; what makes it exactly-once is argued at <see cref="LeaseholderCall"/>. A client's
/// key names the request per database (and by position in a batch), so any node makes the same request id of it; without one the id is
/// drawn by chance and serves this node's own retries.
/// </summary>
internal sealed class RowWrites(GatewayCore core, CatalogReader catalog, IdempotencyTable idempotency)
{
    // A gateway's own retries end with the request, after 60 s at most; what the network still holds then is older than any connection.
    public const long OwnRetentionMs = 5 * 60_000;
    private const int ParallelMax = 64;


    /// <summary>The body of a request that its client did not name.</summary>
    public static ImmutableArray<byte> NoBody { get; } = [.. new byte[16]];

    public async Task<GeoResult<WriteResult>> WriteAsync(
        RequestScope scope, TableRef name, RowWrite write, string? idempotencyKey, int position = 0)
    {
        var (table, error) = await catalog.TableAsync(scope, name, localOnly: false);
        if (table is null)
        {
            return scope.Fail<WriteResult>(error!);
        }

        if (idempotencyKey is null)
        {
            var id = new byte[16];
            core.Host.Prng.Fill(id);
            return await WriteAsync(scope, table.Info, write, [.. id], NoBody, OwnRetentionMs, false);
        }

        var request = RequestIds.FromKey(name.Database, idempotencyKey, position);
        var body = RequestIds.BodyHash(table.Info.Id, write);
        var key = new Key([.. request]);
        if (idempotency.Begin(key, body) is { } refused)
        {
            return scope.Fail<WriteResult>(refused);
        }

        var mayHaveBeenMade = true;
        try
        {
            var result = await WriteAsync(scope, table.Info, write, request, body, (long)IdempotencyTable.Kept.TotalMilliseconds, true);
            mayHaveBeenMade = result.IsOk || result.Error.Kind == GeoErrorKind.OutcomeUnknown;
            return result;
        }
        finally
        {
            idempotency.End(key, body, mayHaveBeenMade);
        }
    }

    /// <summary>Each write on its own; writes to one row keep their order, others go side by side.</summary>
    public async Task<ImmutableArray<GeoResult<WriteResult>>> WriteManyAsync(
        RequestScope scope, TableRef name, ImmutableArray<RowWrite> writes, string? idempotencyKey)
    {
        var results = new GeoResult<WriteResult>[writes.Length];
        var scopes = new RequestScope[writes.Length];
        var chains = new Dictionary<Key, Task>();
        var running = new Queue<Task>();
        for (var i = 0; i < writes.Length; i++)
        {
            scopes[i] = scope.Fork();
            var row = new Key(KeyEncoding.EncodeTuple(writes[i].Key.AsSpan()));
            var before = chains.GetValueOrDefault(row, Task.CompletedTask);
            var task = WriteOneAsync(i, before);
            chains[row] = task;
            running.Enqueue(task);
            if (running.Count >= ParallelMax)
            {
                await running.Dequeue();
            }
        }

        while (running.TryDequeue(out var task))
        {
            await task;
        }

        scope.Join(scopes);
        return [.. results];

        async Task WriteOneAsync(int position, Task before)
        {
            await before;
            results[position] = await WriteAsync(scopes[position], name, writes[position], idempotencyKey, position);
            scopes[position].Finish();
        }
    }

    private async Task<GeoResult<WriteResult>> WriteAsync(
        RequestScope scope, TableInfo table, RowWrite write, ImmutableArray<byte> request, ImmutableArray<byte> body, long retainMs,
        bool mayRepeat)
    {
        if (RowMapper.TryMap(table, write, request.AsSpan(), out var key, out var mapped) is { } invalid)
        {
            return scope.Fail<WriteResult>(invalid);
        }

        var end = await core.AskAsync(scope, mapped.Key, new RangeOperation.Write([mapped], request, body, retainMs, mayRepeat));
        switch (end.Outcome)
        {
            case RangeOutcome.Written written:
                scope.Saw(written.Version);
                var stored = written.Keys[0].Value ?? (write.Kind is WriteKind.Put or WriteKind.Insert ? mapped.Value.ToArray() : null);
                var row = write.Kind == WriteKind.Delete || stored is null ? null
                    : RowMapper.ToRow(table, key, written.Version, stored).Row;
                return scope.Ok(new WriteResult(written.Keys[0].Created, key, written.Version, row));
            case RangeOutcome.Refused refused:
                return scope.Fail<WriteResult>(Refusal(table, refused));
            case RangeOutcome.RequestMismatch:
                return scope.Fail<WriteResult>(IdempotencyTable.Mismatch);
            default:
                return scope.Fail<WriteResult>(end.Error ?? CatalogReader.Unexpected(end.Outcome));
        }
    }

    /// <summary>What a write that was refused is answered.</summary>
    public static GeoError Refusal(TableInfo table, RangeOutcome.Refused refused)
    {
        var facts = refused.Current == HlcTimestamp.Zero
            ? null
            : ImmutableSortedDictionary<string, string>.Empty.Add("version", refused.Current.ToString());
        return refused.Reason switch
        {
            RefusalReason.Exists =>
                new(GeoErrorKind.AlreadyExists, "row-exists", $"{table.Spec.Name} has a row with this key", "key", Facts: facts),
            RefusalReason.Missing => new(GeoErrorKind.NotFound, "row-not-found", $"{table.Spec.Name} has no row with this key", "key"),
            RefusalReason.OutOfRange => TransactionRefusals.OutOfRange(),
            RefusalReason.TooLarge => new(
                GeoErrorKind.TooLarge, "row-too-large", $"the row would take more than {GeoLimits.RowBytesMax} bytes"),
            _ => new(
                GeoErrorKind.PreconditionFailed,
                "precondition-failed",
                refused.Current == HlcTimestamp.Zero ? "there is no row with this key" : $"the row has version {refused.Current}",
                Facts: facts),
        };
    }
}
