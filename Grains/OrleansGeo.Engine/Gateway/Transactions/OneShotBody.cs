using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// A one-shot transaction as a plan: which of its looks happen together with writes, because they are at keys that are written, and which
/// have to be made before.
/// </summary>
internal sealed class OneShotBody : ITransactionBody
{
    private readonly TransactionLooks _looks;
    private readonly TransactionRequest _request;
    private readonly MappedTransaction _mapped;
    private readonly IReadOnlyDictionary<string, TableInfo> _tables;

    public OneShotBody(
        TransactionLooks looks, TransactionRequest request, MappedTransaction mapped, IReadOnlyDictionary<string, TableInfo> tables)
    {
        (_looks, _request, _mapped, _tables) = (looks, request, mapped, tables);
        Plan = new(mapped.Writes, ChecksOf(mapped));
        LookedAt = [.. Plan.Checks.Select(check => check.Key).Distinct()];
        Beside = [.. LookedAt.Except(Plan.Keys)];
    }

    /// <inheritdoc />
    public WritePlan Plan { get; }

    /// <inheritdoc />
    public bool IsStrict => _request.Isolation == TransactionIsolation.Strict;

    /// <inheritdoc />
    public ImmutableArray<Key> Beside { get; }

    /// <inheritdoc />
    public ImmutableArray<KeySpan> Spans => [];

    /// <summary>Every key that is looked at, once.</summary>
    public ImmutableArray<Key> LookedAt { get; }

    /// <inheritdoc />
    public async Task<BesideLook> LookAsync(RequestScope scope, HlcTimestamp at)
    {
        var (found, readAt, error) = await _looks.ReadAsync(scope, Beside, at, false);
        return found is null ? new(readAt, [], null, error) : new(readAt, found, FirstFailed(found), null);
    }

    /// <summary>The first condition on rows that were looked at which does not hold; null when all hold.</summary>
    public RangeOutcome.Refused? FirstFailed(IReadOnlyDictionary<Key, FoundValue> found)
    {
        for (var i = 0; i < _mapped.Conditions.Length; i++)
        {
            if (found.TryGetValue(Plan.Checks[i].Key, out var value) && !WriteRules.Holds(Plan.Checks[i], value.Version, value.Value))
            {
                return new(i, RefusalReason.Check, value.Version);
            }
        }

        return null;
    }

    /// <inheritdoc />
    public GeoError Refusal(RangeOutcome.Refused refused) => refused.Reason == RefusalReason.Check
        ? TransactionRefusals.Condition(refused.Position, _mapped.Conditions[refused.Position].Condition, refused.Current)
        : TransactionRefusals.Write(refused.Position, RowWrites.Refusal(_tables[_request.Writes[refused.Position].Table], refused));

    /// <inheritdoc />
    public TransactionResult Result(HlcTimestamp at, IReadOnlyDictionary<Key, FoundValue> before, IReadOnlyList<bool> created)
    {
        var reads = ImmutableArray.CreateBuilder<VersionedRow?>(_mapped.Reads.Length);
        for (var i = 0; i < _mapped.Reads.Length; i++)
        {
            var (table, key) = _request.Reads[i];
            var found = before[_mapped.Reads[i]];
            reads.Add(found.Value is { } value ? RowMapper.ToRow(_tables[table], key, found.Version, value) : null);
        }

        return new(
            at, reads.MoveToImmutable(), [.. _mapped.WriteKeys.Select((key, i) => new TransactionWritten(key, at, created[i]))]);
    }

    // The conditions first, so that their positions are those among the checks.
    private static ImmutableArray<KeyCheck> ChecksOf(MappedTransaction mapped) =>
    [
        .. mapped.Conditions.Select(condition => condition.Check),
        .. mapped.Reads.Distinct().Select(key => new KeyCheck(key, Precondition.None, null, true)),
    ];
}
