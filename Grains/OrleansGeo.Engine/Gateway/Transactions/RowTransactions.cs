using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>Transactions as users give them: names to tables, values to bytes, client keys to request names.</summary>
internal sealed class RowTransactions(
    GatewayCore core, CatalogReader catalog, IdempotencyTable idempotency, TransactionLooks looks, TransactionFinisher finisher)
{
    public async Task<GeoResult<TransactionResult>> RunAsync(
        RequestScope scope, string database, TransactionRequest request, string? idempotencyKey)
    {
        if (TransactionMapper.Check(request) is { } malformed)
        {
            return scope.Fail<TransactionResult>(malformed);
        }

        var (tables, error) = await TablesAsync(scope, database, request);
        if (tables is null)
        {
            return scope.Fail<TransactionResult>(error!);
        }

        var id = idempotencyKey is null ? RandomId() : RequestIds.FromKey(database, idempotencyKey, 0);
        if (TransactionMapper.TryMap(request, tables, id.AsSpan(), out var mapped) is { } invalid)
        {
            return scope.Fail<TransactionResult>(invalid);
        }

        var body = new OneShotBody(looks, request, mapped, tables);
        return mapped.Writes.IsEmpty ? await ReadAsync(scope, body)
            : idempotencyKey is null ? await MakeAsync(scope, body, new(id, RowWrites.NoBody, RowWrites.OwnRetentionMs), false)
            : await MakeOnceAsync(scope, body, new(id, RequestIds.BodyHash(request), (long)IdempotencyTable.Kept.TotalMilliseconds));
    }

    private async Task<GeoResult<TransactionResult>> ReadAsync(RequestScope scope, OneShotBody body)
    {
        var from = HlcTimestamp.Later(core.Host.Clock, scope.Session);
        var (found, at, error) = await looks.ReadAsync(scope, body.LookedAt, from, body.IsStrict);
        if (found is null)
        {
            return scope.Fail<TransactionResult>(error!);
        }

        scope.Saw(at);
        return body.FirstFailed(found) is { } failed
            ? scope.Fail<TransactionResult>(body.Refusal(failed))
            : scope.Ok(body.Result(at, found, []), "strong", at);
    }

    private Task<GeoResult<TransactionResult>> MakeAsync(RequestScope scope, OneShotBody body, RequestName name, bool isNamed) =>
        new TransactionCoordinator(core, finisher, looks, scope, body, name, isNamed).RunAsync();

    private async Task<GeoResult<TransactionResult>> MakeOnceAsync(RequestScope scope, OneShotBody body, RequestName name)
    {
        var key = new Key([.. name.Id]);
        if (idempotency.Begin(key, name.BodyHash) is { } refused)
        {
            return scope.Fail<TransactionResult>(refused);
        }

        var mayHaveBeenMade = true;
        try
        {
            var result = await MakeAsync(scope, body, name, true);
            mayHaveBeenMade = result.IsOk || result.Error.Kind == GeoErrorKind.OutcomeUnknown;
            return result;
        }
        finally
        {
            idempotency.End(key, name.BodyHash, mayHaveBeenMade);
        }
    }

    // A table that does not exist is left out; the mapping then names the step that asks for it.
    private async Task<(Dictionary<string, TableInfo>? Tables, GeoError? Error)> TablesAsync(
        RequestScope scope, string database, TransactionRequest request)
    {
        var tables = new Dictionary<string, TableInfo>(StringComparer.Ordinal);
        foreach (var name in TransactionMapper.TableNames(request))
        {
            var (record, error) = await catalog.TableAsync(scope, new(database, name), localOnly: false);
            if (record is not null)
            {
                tables.Add(name, record.Info);
            }
            else if (error is not { Code: "table-not-found" })
            {
                return (null, error);
            }
        }

        return (tables, null);
    }

    private ImmutableArray<byte> RandomId()
    {
        var id = new byte[16];
        core.Host.Prng.Fill(id);
        return [.. id];
    }
}
