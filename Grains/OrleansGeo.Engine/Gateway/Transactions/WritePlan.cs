using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a transaction asks of the ranges that it writes to, and how what a range says of its part reads for the whole.
/// Pure.</summary>
internal sealed class WritePlan
{
    private readonly Dictionary<Key, List<int>> _checksOf = [];

    /// <summary>Makes a plan.</summary>
    /// <param name="writes">What is written; no key twice. The first key is the anchor.</param>
    /// <param name="checks">What must hold, and what is to be read.</param>
    public WritePlan(ImmutableArray<KeyWrite> writes, ImmutableArray<KeyCheck> checks)
    {
        (Writes, Checks) = (writes, checks);
        Keys = [.. writes.Select(write => write.Key)];
        for (var i = 0; i < checks.Length; i++)
        {
            if (!_checksOf.TryGetValue(checks[i].Key, out var positions))
            {
                _checksOf.Add(checks[i].Key, positions = []);
            }

            positions.Add(i);
        }
    }

    /// <summary>All writes.</summary>
    public ImmutableArray<KeyWrite> Writes { get; }

    /// <summary>All checks, those of keys that are not written too.</summary>
    public ImmutableArray<KeyCheck> Checks { get; }

    /// <summary>Every key that is written, in the order given.</summary>
    public ImmutableArray<Key> Keys { get; }

    /// <summary>The checks of the keys that one range writes.</summary>
    public ImmutableArray<KeyCheck> ChecksOf(KeyPart part) => [.. PositionsOf(part).Select(position => Checks[position])];

    /// <summary>What a range refuses, its position among all checks or all writes.</summary>
    public RangeOutcome.Refused Whole(RangeOutcome.Refused refused, KeyPart part) => refused with
    {
        Position = refused.Reason == RefusalReason.Check
            ? PositionsOf(part).ElementAt(refused.Position)
            : part.Positions[refused.Position],
    };

    private IEnumerable<int> PositionsOf(KeyPart part) =>
        part.Positions.SelectMany(position => _checksOf.GetValueOrDefault(Keys[position], []));
}

/// <summary>A transaction as its coordinator sees it: what it writes, what it has looked at beside that, and what is answered.</summary>
internal interface ITransactionBody
{
    /// <summary>What it writes; at least one row.</summary>
    WritePlan Plan { get; }

    /// <summary>What it may assume.</summary>
    bool IsStrict { get; }

    /// <summary>Keys that it looks at and does not write.</summary>
    ImmutableArray<Key> Beside { get; }

    /// <summary>Spans of which it must know every row.</summary>
    ImmutableArray<KeySpan> Spans { get; }

    /// <summary>Looks at all that is beside the writes, at or above a timestamp if it can.</summary>
    Task<BesideLook> LookAsync(RequestScope scope, HlcTimestamp at);

    /// <summary>What a refusal, its position among all checks or all writes, is answered with.</summary>
    GeoError Refusal(RangeOutcome.Refused refused);

    /// <summary>What is answered when it is made.</summary>
    /// <param name="at">The commit timestamp.</param>
    /// <param name="before">What was found for checks that want it, and beside.</param>
    /// <param name="created">Whether each write created its row.</param>
    TransactionResult Result(HlcTimestamp at, IReadOnlyDictionary<Key, FoundValue> before, IReadOnlyList<bool> created);
}

/// <summary>What a transaction found beside its writes.</summary>
/// <param name="At">When all of it holds.</param>
/// <param name="Found">What is there; empty where nothing of it is answered.</param>
/// <param name="Refused">Why the transaction is not to be made; null when it may be.</param>
/// <param name="Error">Why it could not be looked at; null when it was.</param>
internal readonly record struct BesideLook(
    HlcTimestamp At, Dictionary<Key, FoundValue> Found, RangeOutcome.Refused? Refused, GeoError? Error);
