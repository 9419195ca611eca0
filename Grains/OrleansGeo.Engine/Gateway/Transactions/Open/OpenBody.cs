using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// An open transaction as it commits. Rows that it has read and writes must be as it found them when they are written; what else it has
/// read is refreshed to the moment of the commit.
/// </summary>
internal sealed class OpenBody : ITransactionBody
{
    private readonly GatewayCore _core;
    private readonly OpenReads _reads;
    private readonly OpenTransaction _transaction;

    public OpenBody(GatewayCore core, OpenReads reads, OpenTransaction transaction)
    {
        (_core, _reads, _transaction) = (core, reads, transaction);
        Plan = transaction.Plan();
        Beside = [.. Plan.Checks.Select(check => check.Key).Except(Plan.Keys)];
        Spans = [.. transaction.SpansBeside(Plan.Keys).Where(span => !span.IsEmpty)];
    }

    /// <inheritdoc />
    public WritePlan Plan { get; }

    /// <inheritdoc />
    public bool IsStrict => _transaction.IsStrict;

    /// <inheritdoc />
    public ImmutableArray<Key> Beside { get; }

    /// <inheritdoc />
    public ImmutableArray<KeySpan> Spans { get; }

    /// <inheritdoc />
    public async Task<BesideLook> LookAsync(RequestScope scope, HlcTimestamp at)
    {
        // What was read just now is likely to be still the moment at which the writes can be made. It is not where a row that is written
        // was read too, which keeps it from being written then, nor when that moment is about to be closed.
        var readAt = _transaction.ReadAt!.Value;
        if (at.WallMillis - readAt.WallMillis < _core.Host.ClosedTargetMs / 2 && !Plan.Keys.Any(_transaction.Rows.ContainsKey))
        {
            return new(readAt, [], null, null);
        }

        var error = await _reads.RefreshAsync(scope, new(Beside, Spans, null), readAt, at, false);
        return error is { Kind: GeoErrorKind.Conflict } ? new(at, [], Changed, null) : new(at, [], null, error);
    }

    /// <inheritdoc />
    public GeoError Refusal(RangeOutcome.Refused refused)
    {
        if (refused is not { Reason: RefusalReason.Check, Position: >= 0 } check)
        {
            return OpenTransactionErrors.Conflict("what the transaction has read was changed by others");
        }

        var row = _transaction.Rows[Plan.Checks[check.Position].Key];
        return OpenTransactionErrors.Conflict(
            $"the row {string.Join('/', row.Key)} of {row.Table} was changed by others since it was read");
    }

    /// <inheritdoc />
    public TransactionResult Result(HlcTimestamp at, IReadOnlyDictionary<Key, FoundValue> before, IReadOnlyList<bool> created) =>
        new(at, [], [.. Plan.Keys.Select((key, i) => new TransactionWritten(_transaction.Writes[key].Key, at, created[i]))]);

    // Not one row alone.
    private static RangeOutcome.Refused Changed { get; } = new(-1, RefusalReason.Check, HlcTimestamp.Zero);
}
