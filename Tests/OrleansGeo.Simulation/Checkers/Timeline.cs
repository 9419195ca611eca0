using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>The committed versions of one key, as far as anyone has seen them.</summary>
internal sealed class Timeline
{
    private readonly KeyVersion[] _versions;
    private readonly HashSet<string> _possible;

    private Timeline(IEnumerable<KeyVersion> versions, HashSet<string> possible, IReadOnlyList<string> conflicts, bool hasHiddenDeletes)
    {
        _versions = [.. versions];
        _possible = possible;
        Conflicts = conflicts;
        HasHiddenDeletes = hasHiddenDeletes;
    }

    /// <summary>Versions that were seen with two values.</summary>
    public IReadOnlyList<string> Conflicts { get; }

    /// <summary>True when the key may have been deleted at a version that nobody named, so that finding nothing proves nothing.</summary>
    public bool HasHiddenDeletes { get; }

    /// <summary>Collects what was acknowledged, what is there in the end, and what any read returned.</summary>
    public static Timeline Of(string key, IReadOnlyList<Operation> operations, IEnumerable<StaleRow> rows, FinalState final)
    {
        var versions = new SortedDictionary<HlcTimestamp, string?>();
        var conflicts = new List<string>();
        foreach (var version in Answered(operations).Concat(final.VersionsOf(key)).Concat(Returned(rows)))
        {
            if (!versions.TryAdd(version.Version, version.Value) && versions[version.Version] != version.Value)
            {
                var other = new KeyVersion(version.Version, versions[version.Version]);
                conflicts.Add($"key '{key}': one version has two values, {version} and {other}");
            }
        }

        var possible = operations.Where(operation => operation.WritesValue && operation.Outcome != OperationOutcome.Failed)
            .Select(operation => operation.Value)
            .Concat(final.VersionsOf(key).Select(version => version.Value))
            .OfType<string>();
        var hasHiddenDeletes = !final.IsComplete && operations.Any(operation =>
            operation is { Kind: OperationKind.Delete, Outcome: not OperationOutcome.Failed, Version: null, Applied: not false });
        return new(versions.Select(entry => new KeyVersion(entry.Key, entry.Value)), [.. possible], conflicts, hasHiddenDeletes);
    }

    /// <summary>True when some write may have put this value here.</summary>
    public bool MayExist(string value) => _possible.Contains(value);

    /// <summary>The newest version at or below a timestamp, or null.</summary>
    public KeyVersion? NewestAt(HlcTimestamp timestamp)
    {
        var at = Array.FindLastIndex(_versions, version => version.Version <= timestamp);
        return at < 0 ? null : _versions[at];
    }

    private static IEnumerable<KeyVersion> Answered(IReadOnlyList<Operation> operations) =>
        operations
            .Where(operation => operation is { Outcome: OperationOutcome.Ok, Version: not null, Applied: not false })
            .Select(operation => new KeyVersion(operation.Version!.Value, operation.Kind == OperationKind.Delete ? null : operation.Value));

    private static IEnumerable<KeyVersion> Returned(IEnumerable<StaleRow> rows) =>
        rows.Where(row => row.Version is not null).Select(row => new KeyVersion(row.Version!.Value, row.Value));
}
