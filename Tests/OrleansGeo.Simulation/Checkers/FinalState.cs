using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>One version of a key; a null value is a deletion.</summary>
public readonly record struct KeyVersion(HlcTimestamp Version, string? Value)
{
    /// <inheritdoc />
    public override string ToString() => $"{(Value is null ? "nothing" : $"'{Value}'")}@{Version}";
}

/// <summary>
/// The versions of every key when all faults are healed and everything has come to rest. A key without an entry has no version. Where old
/// versions may have been collected, an entry has at least the newest.
/// </summary>
public sealed class FinalState(IReadOnlyDictionary<string, IReadOnlyList<KeyVersion>> versions, bool isComplete)
{
    /// <summary>True when no version was ever collected, deletions included.</summary>
    public bool IsComplete => isComplete;

    /// <summary>The versions of a key in ascending order.</summary>
    public IReadOnlyList<KeyVersion> VersionsOf(string key) =>
        versions.TryGetValue(key, out var list) ? [.. list.OrderBy(version => version.Version)] : [];
}
