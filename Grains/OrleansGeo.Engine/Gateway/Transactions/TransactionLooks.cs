using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Reads of transactions: rows in any ranges at one timestamp. Every range is asked at the transaction's own; one that has something newer
/// in its log for a key it is asked about answers later, and then what was read earlier is refreshed. So the log, and no clock, says what a
/// transaction must see.
/// </summary>
internal sealed class TransactionLooks(GatewayCore core)
{
    /// <summary>Test builds only: a strict transaction does not look whether what it read is still what is there.</summary>
    public const string BugNotStrict = "transactions.not-strict";

    private const int RoundsMax = 16;

    /// <summary>What is there, and when; or why it could not be read. With <paramref name="isStrict"/> it is all there at one moment of
    /// the read.</summary>
    public async Task<(Dictionary<Key, FoundValue>? Found, HlcTimestamp At, GeoError? Error)> ReadAsync(
        RequestScope scope, IReadOnlyList<Key> keys, HlcTimestamp at, bool isStrict)
    {
        for (var round = 0; round < RoundsMax && !scope.IsOver; round++)
        {
            var found = new Dictionary<Key, FoundValue>();
            var readAt = new HlcTimestamp[keys.Count];
            var ranges = 0;
            CallEnd? odd = null;
            var error = await KeyParts.AskAsync(core, scope, keys, part => new RangeOperation.Look(part.Of(keys), at), (part, end) =>
            {
                if (end.Outcome is not RangeOutcome.Found look)
                {
                    odd ??= end;
                    return;
                }

                ranges++;
                foreach (var value in look.Values)
                {
                    found[value.Key] = value;
                }

                part.Positions.ForEach(position => readAt[position] = look.ReadAt);
            });
            if ((error ?? Odd(odd)) is { } failed)
            {
                return (null, at, failed);
            }

            at = readAt.Max();
            core.Host.TryObserve(at);
            scope.Saw(at);
            var isNewest = isStrict && ranges > 1 && !PlantedBug.Is(BugNotStrict);
            int[] behind = [.. Enumerable.Range(0, keys.Count).Where(i => isNewest || readAt[i] < at)];
            var (holds, late) = await RefreshAsync(
                scope, [.. behind.Select(i => keys[i])], [.. behind.Select(i => readAt[i])], at, isNewest);
            if (late is not null || holds)
            {
                return (late is null ? found : null, at, late);
            }
        }

        return (null, at, GatewayCore.Deadline("what the transaction reads kept changing until its deadline"));
    }

    /// <summary>Whether what was read, of each key at a time of its own, holds until a later one; or also now.</summary>
    public async Task<(bool Holds, GeoError? Error)> RefreshAsync(
        RequestScope scope, IReadOnlyList<Key> keys, IReadOnlyList<HlcTimestamp> from, HlcTimestamp to, bool isNewest)
    {
        if (keys.Count == 0)
        {
            return (true, null);
        }

        var holds = true;
        CallEnd? odd = null;
        var error = await KeyParts.AskAsync(
            core,
            scope,
            keys,
            part => new RangeOperation.Refresh(part.Of(keys), part.Of(from).Min(), to, isNewest),
            (_, end) =>
            {
                holds &= end.Outcome is RangeOutcome.Holding { Holds: true };
                odd = end.Outcome is RangeOutcome.Holding ? odd : odd ?? end;
            });
        return (holds, error ?? Odd(odd));
    }

    /// <summary>Rows as of a timestamp.</summary>
    public async Task<(Dictionary<Key, FoundValue>? Found, GeoError? Error)> ReadAtAsync(
        RequestScope scope, IReadOnlyList<Key> keys, HlcTimestamp at)
    {
        var found = new Dictionary<Key, FoundValue>();
        CallEnd? odd = null;
        var error = await KeyParts.AskAsync(core, scope, keys, part => new RangeOperation.Get(part.Of(keys), at), (_, end) =>
        {
            if (end.Outcome is not RangeOutcome.Found read)
            {
                odd ??= end;
                return;
            }

            foreach (var value in read.Values)
            {
                found[value.Key] = value;
            }
        });
        return (error ?? Odd(odd)) is { } failed ? (null, failed) : (found, null);
    }

    private static GeoError? Odd(CallEnd? end) => end is { } given ? given.Error ?? CatalogReader.Unexpected(given.Outcome) : null;
}
