using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What writes and checks come to on what is there.</summary>
/// <param name="Refusal">Why nothing is written; null when it is.</param>
/// <param name="Values">What each written key holds afterwards; null for a deletion.</param>
/// <param name="Created">Whether each written key was absent.</param>
/// <param name="Checked">What was found for each check.</param>
/// <param name="Newest">The newest version of all these keys.</param>
internal sealed record Evaluation(
    RangeOutcome.Refused? Refusal, byte[]?[] Values, bool[] Created, ImmutableArray<FoundValue> Checked, HlcTimestamp Newest)
{
    /// <summary>Before anything was looked at.</summary>
    public static Evaluation Nothing { get; } = new(null, [], [], [], HlcTimestamp.Zero);

    /// <summary>What is answered of each write.</summary>
    public ImmutableArray<KeyWritten> Written()
    {
        var keys = ImmutableArray.CreateBuilder<KeyWritten>(Values.Length);
        for (var i = 0; i < Values.Length; i++)
        {
            keys.Add(new(Created[i], Values[i]));
        }

        return keys.MoveToImmutable();
    }
}

/// <summary>Whether a write may be made on what is there, and what it leaves behind. Pure.</summary>
internal static class WriteRules
{
    public static RefusalReason? Refuses(KeyWrite write, bool exists, HlcTimestamp version)
    {
        if (!Holds(write.Precondition, exists, version))
        {
            return RefusalReason.Precondition;
        }

        return write.Kind switch
        {
            WriteKind.Insert when exists => RefusalReason.Exists,
            WriteKind.Merge or WriteKind.Increment or WriteKind.Delete when !exists => RefusalReason.Missing,
            _ => null,
        };
    }

    public static bool Holds(Precondition condition, bool exists, HlcTimestamp version) =>
        (!condition.IfExists || exists)
        && (!condition.IfAbsent || !exists)
        && (condition.IfMatch.IsEmpty || (exists && condition.IfMatch.Contains(version)))
        && !(exists && condition.IfNoneMatch.Contains(version));

    /// <summary>Whether a check holds of what is stored.</summary>
    /// <param name="check">The check.</param>
    /// <param name="version">The row's version; not looked at when there is no row.</param>
    /// <param name="row">The stored row; null when there is none.</param>
    public static bool Holds(KeyCheck check, HlcTimestamp version, byte[]? row) =>
        Holds(check.Precondition, row is not null, version)
        && (check.Row is not { } comparison || (row is not null && comparison.Holds(row)));

    /// <summary>What the key holds afterwards, or why it cannot hold that.</summary>
    public static (byte[]? Value, RefusalReason? Refusal) Result(KeyWrite write, byte[]? existing)
    {
        switch (write.Kind)
        {
            case WriteKind.Delete:
                return (null, null);
            case WriteKind.Merge or WriteKind.Increment:
                if (!RowPatch.TryApply(existing!, write.Value.Span, out var patched))
                {
                    return (null, RefusalReason.OutOfRange);
                }

                return patched.Length > GeoLimits.RowBytesMax ? (null, RefusalReason.TooLarge) : (patched, null);
            default:
                return write.Value.Length > GeoLimits.RowBytesMax ? (null, RefusalReason.TooLarge) : (write.Value.ToArray(), null);
        }
    }
}
