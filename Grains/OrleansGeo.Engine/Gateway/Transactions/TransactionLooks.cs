using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

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
            var look = await LookAsync(scope, keys, at, static _ => HlcTimestamp.Max);
            if (look.Error is { } failed)
            {
                return (null, at, failed);
            }

            at = look.ReadAt.Max();
            core.Host.TryObserve(at);
            scope.Saw(at);
            var isNewest = isStrict && look.Ranges.Count > 1 && !PlantedBug.Is(BugNotStrict);
            int[] behind = [.. Enumerable.Range(0, keys.Count).Where(i => isNewest || look.ReadAt[i] < at)];
            var refresh = await RefreshKeysAsync(
                scope, [.. behind.Select(i => keys[i])], [.. behind.Select(i => look.ReadAt[i])], at, isNewest, null);
            if (refresh.Error is not null || refresh.Holds)
            {
                return (refresh.Error is null ? look.Found : null, at, refresh.Error);
            }
        }

        return (null, at, GatewayCore.Deadline("what the transaction reads kept changing until its deadline"));
    }

    /// <summary>Asks every range once, at a timestamp or as much above it as it takes to see everything in its log.</summary>
    /// <param name="scope">The request.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="at">The timestamp.</param>
    /// <param name="upTo">What need not be seen of a range, because it was written later than it was first looked at.</param>
    public async Task<Look> LookAsync(
        RequestScope scope, IReadOnlyList<Key> keys, HlcTimestamp at, Func<RangeDescriptor, HlcTimestamp> upTo)
    {
        var (found, readAt) = (new Dictionary<Key, FoundValue>(), new HlcTimestamp[keys.Count]);
        var ranges = new List<KeySpan>();
        CallEnd? odd = null;
        var error = await KeyParts.AskAsync(core, scope, keys, part => new RangeOperation.Look(part.Of(keys), at, upTo(part.Range)), Take);
        return new(found, readAt, ranges, error ?? Odd(odd));

        void Take(KeyPart part, CallEnd end)
        {
            if (end.Outcome is not RangeOutcome.Looked look)
            {
                odd ??= end;
                return;
            }

            ranges.Add(look.Held);
            foreach (var value in look.Rows)
            {
                found[value.Key] = value;
            }

            part.Positions.ForEach(position => readAt[position] = look.ReadAt);
        }
    }

    /// <summary>Whether what was read at one time holds until a later one; or also now.</summary>
    public async Task<Refreshed> RefreshAsync(
        RequestScope scope, WhatWasRead what, HlcTimestamp from, HlcTimestamp to, bool isNewest)
    {
        RequestScope[] parts = [scope.Fork(), scope.Fork()];
        var ofKeys = parts[0].FinishAsync(RefreshKeysAsync(
            parts[0], what.Keys, [.. what.Keys.Select(_ => from)], to, isNewest, what.By));
        var ofSpans = parts[1].FinishAsync(RefreshSpansAsync(parts[1], what, from, to, isNewest));
        var (first, second) = (await ofKeys, await ofSpans);
        scope.Join(parts);
        return new(
            first.Holds && second.Holds,
            (first.Holds || first.MayYet) && (second.Holds || second.MayYet),
            first.Error ?? second.Error);
    }

    private async Task<Refreshed> RefreshKeysAsync(
        RequestScope scope, IReadOnlyList<Key> keys, IReadOnlyList<HlcTimestamp> from, HlcTimestamp to, bool isNewest, TransactionId? by)
    {
        var ends = new List<CallEnd>();
        var error = await KeyParts.AskAsync(
            core,
            scope,
            keys,
            part => new RangeOperation.Refresh(part.Of(keys), [], part.Of(from).Min(), to, isNewest, by),
            (_, end) => ends.Add(end));
        return Summed(ends, error);
    }

    private async Task<Refreshed> RefreshSpansAsync(
        RequestScope scope, WhatWasRead what, HlcTimestamp from, HlcTimestamp to, bool isNewest)
    {
        var ends = new List<CallEnd>();
        var error = await SpanParts.AskAsync(
            core,
            scope,
            what.Spans,
            span => new RangeOperation.Refresh([], [span], from, to, isNewest, what.By),
            ends.Add);
        return Summed(ends, error);
    }

    private static Refreshed Summed(List<CallEnd> ends, GeoError? error)
    {
        var (holds, mayYet) = (true, true);
        foreach (var end in ends)
        {
            if (end.Outcome is not RangeOutcome.Holding holding)
            {
                return new(false, false, error ?? Odd(end));
            }

            holds &= holding.Holds;
            mayYet &= holding.Holds || holding.MayYet;
        }

        return new(holds, mayYet, error);
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

/// <summary>What a transaction has read.</summary>
/// <param name="Keys">Keys, whether there was a row or not.</param>
/// <param name="Spans">Spans of which every row was read.</param>
/// <param name="By">The attempt whose own intents do not count; null when it has none.</param>
internal readonly record struct WhatWasRead(ImmutableArray<Key> Keys, ImmutableArray<KeySpan> Spans, TransactionId? By);

/// <summary>What ranges answered, each for a moment of its own.</summary>
/// <param name="Found">What is there.</param>
/// <param name="ReadAt">For each key when.</param>
/// <param name="Ranges">What the ranges hold that answered.</param>
/// <param name="Error">Why one did not.</param>
internal readonly record struct Look(Dictionary<Key, FoundValue> Found, HlcTimestamp[] ReadAt, List<KeySpan> Ranges, GeoError? Error);

/// <summary>Whether what was read holds at a later moment.</summary>
/// <param name="Holds">It does.</param>
/// <param name="MayYet">It does, or nothing is in the way but transactions that are not decided.</param>
/// <param name="Error">Why that could not be found out.</param>
internal readonly record struct Refreshed(bool Holds, bool MayYet, GeoError? Error);
