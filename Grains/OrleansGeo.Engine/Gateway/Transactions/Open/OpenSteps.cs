using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>The steps of an open transaction, each from names and values as users give them to what is answered.</summary>
internal sealed class OpenSteps(
    GatewayCore core, CatalogReader catalog, RowReads rowReads, TableScans tableScans, ReadPins pins, TransactionLooks looks,
    TransactionFinisher finisher)
{
    // As long as the transaction may be asked to commit again.
    private static readonly long s_nameKeptMs = (long)(GeoLimits.IdleTimeoutMax + TimeSpan.FromMinutes(5)).TotalMilliseconds;

    private readonly OpenReads _reads = new(core, looks);

    /// <summary>Whether a transaction can be begun; null when it can, else why not.</summary>
    public async Task<GeoError?> CheckAsync(RequestScope scope, string database, TransactionBegin begin)
    {
        if (begin.AsOf is { } asOf && pins.Named(new ReadBound.At(asOf), scope).Error is { } unreadable)
        {
            return unreadable with { Field = "asOf" };
        }

        return (await catalog.DatabaseAsync(scope, database)).Error;
    }

    /// <summary>Carries a step out.</summary>
    public async Task<GeoResult<TransactionAnswer>> RunAsync(RequestScope scope, OpenTransaction transaction, TransactionStep step)
    {
        var result = step switch
        {
            TransactionStep.Read read => await ReadAsync(scope, transaction, read.Rows),
            TransactionStep.Scan scan => await ScanAsync(scope, transaction, scan),
            TransactionStep.Write write => await WriteAsync(scope, transaction, write.Writes),
            TransactionStep.Savepoint savepoint => Mark(scope, transaction, savepoint.Name),
            TransactionStep.RollbackTo back => Return(scope, transaction, back.Name),
            TransactionStep.Commit => await CommitAsync(scope, transaction),
            _ => scope.Ok<TransactionAnswer>(new TransactionAnswer.Done()),
        };
        return result;
    }

    private async Task<GeoResult<TransactionAnswer>> ReadAsync(
        RequestScope scope, OpenTransaction transaction, ImmutableArray<TransactionRead> reads)
    {
        if (reads.Length > GeoLimits.TransactionStepsMax)
        {
            return Fail(scope, OpenTransactionErrors.TooMany("reads", "reads in one step", GeoLimits.TransactionStepsMax));
        }

        if (transaction.AsOf is { } asOf)
        {
            return await ReadAsOfAsync(scope, transaction, reads, asOf);
        }

        var rows = new (TableInfo Table, Key Key)[reads.Length];
        var unknown = new Dictionary<Key, (string Table, ImmutableArray<Datum> Key)>();
        for (var i = 0; i < reads.Length; i++)
        {
            var (table, error) = await catalog.TableAsync(scope, new(transaction.Database, reads[i].Table), localOnly: false);
            var key = default(Key);
            if ((error ?? RowMapper.TryKey(table!.Info, reads[i].Key, out key)) is { } refused)
            {
                return Fail(scope, TransactionMapper.At("reads", i, refused));
            }

            rows[i] = (table!.Info, key);
            if (!transaction.Writes.ContainsKey(key))
            {
                unknown[key] = (reads[i].Table, reads[i].Key);
            }
        }

        var (found, unread) = await _reads.ReadAsync(scope, transaction, unknown);
        if (found is null)
        {
            return Fail(scope, unread!);
        }

        var answer = rows.Select((row, i) =>
            transaction.Seen(found.GetValueOrDefault(row.Key) ?? new(row.Key, HlcTimestamp.Zero, null)) is { Value: { } value } seen
                ? RowMapper.ToRow(row.Table, reads[i].Key, seen.Version, value)
                : null);
        return Ok(scope, transaction, new TransactionAnswer.Rows([.. answer]));
    }

    private async Task<GeoResult<TransactionAnswer>> ReadAsOfAsync(
        RequestScope scope, OpenTransaction transaction, ImmutableArray<TransactionRead> reads, HlcTimestamp asOf)
    {
        var rows = new VersionedRow?[reads.Length];
        foreach (var table in reads.Select((read, i) => (read, i)).GroupBy(one => one.read.Table, StringComparer.Ordinal))
        {
            var (keys, places) = (table.Select(one => one.read.Key), table.Select(one => one.i).ToArray());
            var found = await rowReads.ReadManyAsync(scope, new(transaction.Database, table.Key), [.. keys], new ReadBound.At(asOf));
            if (!found.IsOk)
            {
                return new(null, found.Error, found.Meta);
            }

            for (var i = 0; i < places.Length; i++)
            {
                rows[places[i]] = found.Value.Items[i];
            }
        }

        return scope.Ok<TransactionAnswer>(new TransactionAnswer.Rows([.. rows]), $"at;ts={asOf}", asOf, StalenessOf(asOf));
    }

    private async Task<GeoResult<TransactionAnswer>> ScanAsync(RequestScope scope, OpenTransaction transaction, TransactionStep.Scan scan)
    {
        var name = new TableRef(transaction.Database, scan.Table);
        if (transaction.AsOf is { } asOf)
        {
            var page = await tableScans.ScanAsync(scope, name, scan.Request, new ReadBound.At(asOf));
            return new(page.IsOk ? new TransactionAnswer.Page(page.Value) : null, page.Error, page.Meta);
        }

        var (table, error) = await catalog.TableAsync(scope, name, localOnly: false);
        var (builder, span) = ((ScanPageBuilder)null!, default(KeySpan));
        if ((error ?? ScanPageBuilder.TryPlan(
            table!.Info, name, scan.Request, core.Host.TokenSecret.Span, out builder, out span, out _)) is { } refused)
        {
            return Fail(scope, refused);
        }

        if (span.IsEmpty)
        {
            return Ok(scope, transaction, new TransactionAnswer.Page(builder.End()));
        }

        var (rest, unread) = await _reads.ScanAsync(scope, transaction, builder, span);
        return unread is null
            ? Ok(scope, transaction, new TransactionAnswer.Page(
                builder.End(rest, transaction.ReadAt!.Value, core.Host.TokenSecret.Span)))
            : Fail(scope, unread);
    }

    private async Task<GeoResult<TransactionAnswer>> WriteAsync(
        RequestScope scope, OpenTransaction transaction, ImmutableArray<TransactionWrite> given)
    {
        if (transaction.IsReadOnly || given.Length > GeoLimits.TransactionStepsMax)
        {
            return Fail(scope, transaction.IsReadOnly
                ? OpenTransactionErrors.ReadOnly()
                : OpenTransactionErrors.TooMany("writes", "writes in one step", GeoLimits.TransactionStepsMax));
        }

        // What is generated for a row follows from an id of its own: nobody asks for a step again after it was carried out.
        var id = new byte[16];
        core.Host.Prng.Fill(id);
        var writes = new StepWrite[given.Length];
        for (var i = 0; i < given.Length; i++)
        {
            var (table, error) = await catalog.TableAsync(scope, new(transaction.Database, given[i].Table), localOnly: false);
            var (key, write) = (default(ImmutableArray<Datum>), (KeyWrite)null!);
            if ((error ?? RowMapper.TryMap(table!.Info, given[i].Write, TransactionMapper.WriteId(id, i), out key, out write))
                is { } invalid)
            {
                return Fail(scope, TransactionMapper.At("writes", i, invalid));
            }

            writes[i] = new(table!.Info, key, write);
        }

        var (found, unread) = await _reads.ReadAsync(scope, transaction, OpenWrites.ToRead(transaction, writes));
        if (found is null)
        {
            return Fail(scope, unread!);
        }

        transaction.Writes = OpenWrites.Apply(transaction, writes, found, out var refusal);
        return refusal is null
            ? Ok(scope, transaction, new TransactionAnswer.Written([.. writes.Select(write => write.Key)]))
            : Fail(scope, refusal);
    }

    private static GeoResult<TransactionAnswer> Mark(RequestScope scope, OpenTransaction transaction, string name) =>
        name.Length is 0 or > GeoLimits.NameCharsMax
            ? Fail(scope, new(
                GeoErrorKind.Invalid, "bad-savepoint", $"the name of a savepoint has 1 to {GeoLimits.NameCharsMax} characters", "name"))
            : transaction.TryMark(name) ? Ok(scope, transaction, new TransactionAnswer.Done())
            : Fail(scope, OpenTransactionErrors.TooMany("name", "savepoints", GeoLimits.SavepointsMax));

    private static GeoResult<TransactionAnswer> Return(RequestScope scope, OpenTransaction transaction, string name) =>
        transaction.TryReturnTo(name)
            ? Ok(scope, transaction, new TransactionAnswer.Done())
            : Fail(scope, new(GeoErrorKind.NotFound, "savepoint-not-found", $"the transaction has no savepoint {name}", "to"));

    private async Task<GeoResult<TransactionAnswer>> CommitAsync(RequestScope scope, OpenTransaction transaction)
    {
        var body = new OpenBody(core, _reads, transaction);
        if (!body.Plan.Writes.IsEmpty)
        {
            var name = new RequestName(transaction.Handle.Id, RowWrites.NoBody, s_nameKeptMs);
            var made = await new TransactionCoordinator(core, finisher, looks, scope, body, name, isNamed: true).RunAsync();
            return new(made.IsOk ? new TransactionAnswer.Committed(made.Value) : null, made.Error, made.Meta);
        }

        var at = transaction.ReadAt ?? transaction.AsOf ?? core.Host.Clock;
        if (transaction.IsStrict && transaction.ReadAt is not null
            && await _reads.RefreshAsync(scope, new(body.Beside, body.Spans, null), at, at, isNewest: true) is { } error)
        {
            return Fail(scope, error);
        }

        return Ok(scope, transaction, new TransactionAnswer.Committed(new(at, [], [])));
    }

    private double StalenessOf(HlcTimestamp at) => Math.Max(0, core.Host.Clock.WallMillis - at.WallMillis);

    private static GeoResult<TransactionAnswer> Ok(RequestScope scope, OpenTransaction transaction, TransactionAnswer answer)
    {
        if (transaction.ReadAt is { } at)
        {
            scope.Saw(at);
        }

        return scope.Ok(answer, "strong", transaction.ReadAt);
    }

    private static GeoResult<TransactionAnswer> Fail(RequestScope scope, GeoError error) => scope.Fail<TransactionAnswer>(error);
}
