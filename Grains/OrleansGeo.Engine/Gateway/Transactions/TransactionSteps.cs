using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// A one-shot transaction as a plan: which of its looks happen together with writes, because they are at keys that are written, and which
/// have to be made before. Pure.
/// </summary>
internal sealed class TransactionSteps
{
    private readonly Dictionary<Key, int> _writeOf = [];
    private readonly TransactionRequest _request;

    public TransactionSteps(TransactionRequest request, MappedTransaction mapped, IReadOnlyDictionary<string, TableInfo> tables)
    {
        (_request, Mapped, Tables) = (request, mapped, tables);
        WriteKeys = [.. mapped.Writes.Select(write => write.Key)];
        for (var i = 0; i < WriteKeys.Length; i++)
        {
            _writeOf.Add(WriteKeys[i], i);
        }

        var seen = new HashSet<Key>();
        LookedAt = [.. mapped.Conditions.Select(condition => condition.Key).Concat(mapped.Reads).Where(seen.Add)];
        Beside = [.. LookedAt.Where(key => !_writeOf.ContainsKey(key))];
    }

    public MappedTransaction Mapped { get; }

    public IReadOnlyDictionary<string, TableInfo> Tables { get; }

    public bool IsStrict => _request.Isolation == TransactionIsolation.Strict;

    /// <summary>Every key that is written, in the order given.</summary>
    public ImmutableArray<Key> WriteKeys { get; }

    /// <summary>Every key that is looked at, once.</summary>
    public ImmutableArray<Key> LookedAt { get; }

    /// <summary>Those of them that are not written.</summary>
    public ImmutableArray<Key> Beside { get; }

    /// <summary>The conditions and reads at some keys, as checks that go with writes; and for each check the condition it stands
    /// for.</summary>
    public (ImmutableArray<KeyCheck> Checks, ImmutableArray<int> Conditions) ChecksAt(Predicate<Key> isAsked)
    {
        var checks = ImmutableArray.CreateBuilder<KeyCheck>();
        var conditions = ImmutableArray.CreateBuilder<int>();
        for (var i = 0; i < Mapped.Conditions.Length; i++)
        {
            var condition = Mapped.Conditions[i];
            if (isAsked(condition.Key))
            {
                checks.Add(new(condition.Key, PreconditionOf(condition.Condition), condition.Check, false));
                conditions.Add(i);
            }
        }

        var read = new HashSet<Key>();
        foreach (var key in Mapped.Reads)
        {
            if (isAsked(key) && read.Add(key))
            {
                checks.Add(new(key, Precondition.None, null, true));
            }
        }

        return (checks.ToImmutable(), conditions.ToImmutable());
    }

    /// <summary>The first condition on rows that were looked at which does not hold, as an error; null when all hold.</summary>
    public GeoError? FirstFailed(IReadOnlyDictionary<Key, FoundValue> found)
    {
        for (var i = 0; i < Mapped.Conditions.Length; i++)
        {
            var condition = Mapped.Conditions[i];
            if (found.TryGetValue(condition.Key, out var value) && !condition.Holds(value.Version, value.Value))
            {
                return TransactionRefusals.Condition(i, condition.Condition, value.Version);
            }
        }

        return null;
    }

    /// <summary>What a refusal by a range is answered with.</summary>
    /// <param name="refused">The refusal, its position among the checks or writes that the range was given.</param>
    /// <param name="conditions">For each check, the condition it stands for.</param>
    /// <param name="writes">For each write, its position in the request.</param>
    public GeoError Refusal(RangeOutcome.Refused refused, ImmutableArray<int> conditions, IReadOnlyList<int> writes)
    {
        if (refused.Reason == RefusalReason.Check)
        {
            var condition = conditions[refused.Position];
            return TransactionRefusals.Condition(condition, Mapped.Conditions[condition].Condition, refused.Current);
        }

        var write = writes[refused.Position];
        return TransactionRefusals.Write(write, RowWrites.Refusal(Tables[_request.Writes[write].Table], refused));
    }

    /// <summary>The refusal with its position among all conditions or all writes: as it is remembered.</summary>
    public static RangeOutcome.Refused Globally(
        RangeOutcome.Refused refused, ImmutableArray<int> conditions, IReadOnlyList<int> writes) =>
        refused with { Position = refused.Reason == RefusalReason.Check ? conditions[refused.Position] : writes[refused.Position] };

    /// <summary>What is answered to the client.</summary>
    /// <param name="at">The commit timestamp.</param>
    /// <param name="before">What was there before the writes, for every key that is looked at.</param>
    /// <param name="created">Whether each write created its row.</param>
    public TransactionResult Result(HlcTimestamp at, IReadOnlyDictionary<Key, FoundValue> before, IReadOnlyList<bool> created)
    {
        var reads = ImmutableArray.CreateBuilder<VersionedRow?>(Mapped.Reads.Length);
        for (var i = 0; i < Mapped.Reads.Length; i++)
        {
            var (table, key) = _request.Reads[i];
            var found = before[Mapped.Reads[i]];
            reads.Add(found.Value is { } value ? RowMapper.ToRow(Tables[table], key, found.Version, value) : null);
        }

        return new(
            at, reads.MoveToImmutable(), [.. Mapped.WriteKeys.Select((key, i) => new TransactionWritten(key, at, created[i]))]);
    }

    private static Precondition PreconditionOf(TransactionCondition condition) => condition switch
    {
        TransactionCondition.Existence existence => existence.Exists ? Precondition.Exists : Precondition.Absent,
        TransactionCondition.VersionIs same => Precondition.VersionIs(same.Version),
        _ => Precondition.None,
    };
}
