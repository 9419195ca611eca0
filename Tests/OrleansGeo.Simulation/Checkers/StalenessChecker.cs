using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>What a stale read returned for one key: null for nothing.</summary>
public sealed record StaleRow(string Key, string? Value, HlcTimestamp? Version);

/// <summary>A read at one timestamp of any number of keys, with what was asked and what was declared.</summary>
public sealed record StaleRead
{
    /// <summary>The client.</summary>
    public required int Client { get; init; }

    /// <summary>When the client asked, in virtual microseconds.</summary>
    public required long InvokedAtMicros { get; init; }

    /// <summary>The timestamp the answer declares.</summary>
    public required HlcTimestamp ReadTimestamp { get; init; }

    /// <summary>The staleness the answer declares.</summary>
    public required long StalenessMs { get; init; }

    /// <summary>For a bounded read: how stale the answer may be.</summary>
    public long? MaxStalenessMs { get; init; }

    /// <summary>For a read at a timestamp: that timestamp.</summary>
    public HlcTimestamp? At { get; init; }

    /// <summary>What was returned, one row for each key asked for.</summary>
    public required IReadOnlyList<StaleRow> Rows { get; init; }

    /// <summary>One line for a reader.</summary>
    public override string ToString() =>
        $"client {Client} [{InvokedAtMicros}us] read at {ReadTimestamp}, {StalenessMs} ms stale: "
        + string.Join(", ", Rows.Select(row => $"{row.Key}={new KeyVersion(row.Version ?? HlcTimestamp.Zero, row.Value)}"));
}

/// <summary>
/// A stale read shows the state of its one timestamp: for each key the newest version at or below it, no matter which ranges and replicas
/// answered. And it is no staler than asked for.
/// </summary>
public static class StalenessChecker
{
    /// <summary>
    /// The verdict on the reads. Versions count as committed when they were acknowledged, are in the final state, or were shown by any
    /// read: a write of unknown outcome that surfaced once must be there for every timestamp at or above its version.
    /// <paramref name="clockErrorMs"/> is how far any two nodes' clocks were apart; null leaves the age of what was read unchecked against
    /// real time, because then a node may be wrong about what time it is.
    /// </summary>
    public static Verdict Check(History history, IReadOnlyList<StaleRead> reads, FinalState final, long? clockErrorMs = null)
    {
        var operations = history.Operations.ToLookup(operation => operation.Key);
        var rows = reads.SelectMany(read => read.Rows).ToLookup(row => row.Key);
        var keys = operations.Select(group => group.Key).Union(rows.Select(group => group.Key)).Order(StringComparer.Ordinal).ToList();
        var timelines = keys.ToDictionary(key => key, key => Timeline.Of(key, [.. operations[key]], rows[key], final));
        return Verdict.Of(keys.SelectMany(key => timelines[key].Conflicts)
            .Concat(reads.SelectMany(read => Declared(read)
                .Concat(read.Rows.SelectMany(row => Snapshot(read, row, timelines[row.Key])))
                .Concat(clockErrorMs is { } error ? TooOld(read, history, error) : []))));
    }

    private static IEnumerable<string> Declared(StaleRead read)
    {
        if (read.StalenessMs < 0)
        {
            yield return $"a read declares a negative staleness:\n  {read}";
        }

        if (read.StalenessMs > read.MaxStalenessMs)
        {
            yield return $"a read bounded to {read.MaxStalenessMs} ms declares to be staler:\n  {read}";
        }

        if (read.At is { } at && at != read.ReadTimestamp)
        {
            yield return $"a read at {at} was answered at another timestamp:\n  {read}";
        }
    }

    private static IEnumerable<string> Snapshot(StaleRead read, StaleRow row, Timeline timeline)
    {
        if (row.Version is { } version && version > read.ReadTimestamp)
        {
            yield return $"a read returned a version above its timestamp, {row.Key}@{version}:\n  {read}";
        }
        else if (row is { Value: not null, Version: not null } && !timeline.MayExist(row.Value))
        {
            yield return $"a read returned what nobody wrote, {row.Key}='{row.Value}':\n  {read}";
        }
        else if (row.Value is not null || !timeline.HasHiddenDeletes)
        {
            var newest = timeline.NewestAt(read.ReadTimestamp);
            if (newest?.Value != row.Value || (row is { Value: not null, Version: not null } && newest?.Version != row.Version))
            {
                var expected = newest is { } there ? there.ToString() : "nothing";
                yield return $"a read missed the newest version at its timestamp, {row.Key} was {expected}:\n  {read}";
            }
        }
    }

    // What was acknowledged longer ago than the bound, and than clocks can be wrong, lies below the read's timestamp.
    private static IEnumerable<string> TooOld(StaleRead read, History history, long clockErrorMs)
    {
        if (read.MaxStalenessMs is not { } bound)
        {
            return [];
        }

        var latest = read.InvokedAtMicros - ((bound + clockErrorMs) * 1000);
        var keys = read.Rows.Select(row => row.Key).ToHashSet();
        return history.Operations
            .Where(operation => keys.Contains(operation.Key) && operation.IsAcknowledgedWrite && operation.ReturnedAtMicros < latest
                && operation.Version > read.ReadTimestamp)
            .Select(operation => $"a read bounded to {bound} ms lies before an older acknowledged write:\n  {operation}\n  {read}");
    }
}
