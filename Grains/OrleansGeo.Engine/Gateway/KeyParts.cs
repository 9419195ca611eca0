using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Keys that one range holds, as far as is known: their positions among those that were asked about.</summary>
/// <param name="Range">The range.</param>
/// <param name="Positions">Ascending.</param>
internal sealed record KeyPart(RangeDescriptor Range, List<int> Positions)
{
    /// <summary>What the positions stand for.</summary>
    public ImmutableArray<T> Of<T>(IReadOnlyList<T> all)
    {
        var part = ImmutableArray.CreateBuilder<T>(Positions.Count);
        foreach (var position in Positions)
        {
            part.Add(all[position]);
        }

        return part.MoveToImmutable();
    }
}

/// <summary>Parts keys by range, and asks all ranges at once; what has moved meanwhile is parted anew.</summary>
internal static class KeyParts
{
    // Up to so many parts are looked through one by one.
    private const int FewParts = 8;

    /// <summary>
    /// Parts in the order of their first positions. When a range is not known the directory is brought up to date, unless nobody may be
    /// asked: then null without an error.
    /// </summary>
    public static async Task<(List<KeyPart>? Parts, GeoError? Error)> ByRangeAsync(
        GatewayCore core, RequestScope scope, IReadOnlyList<Key> keys, IEnumerable<int> positions, bool localOnly = false)
    {
        var wanted = positions as int[] ?? [.. positions];
        while (true)
        {
            if (TryPart(core, keys, wanted) is { } parts)
            {
                return (parts, null);
            }

            if (localOnly || scope.IsOver)
            {
                return (null, localOnly ? null : GatewayCore.Deadline("a range was not found in time"));
            }

            if (await core.RefreshSystemAsync(scope) is { } error)
            {
                return (null, error);
            }

            await core.BackOffAsync(scope, 0);
        }
    }

    /// <summary>
    /// Asks every range about its part, and hands each answer over with the part it is about. Null when all have answered; else the first
    /// error, when all that were asked have answered or failed. The hops count as those of the slowest.
    /// </summary>
    public static async Task<GeoError?> AskAsync(
        GatewayCore core, RequestScope scope, IReadOnlyList<Key> keys, Func<KeyPart, RangeOperation> ask, Action<KeyPart, CallEnd> answered)
    {
        int[] open = [.. Enumerable.Range(0, keys.Count)];
        GeoError? failed = null;
        while (open.Length > 0 && failed is null)
        {
            var (parts, missing) = await ByRangeAsync(core, scope, keys, open);
            if (parts is null)
            {
                return missing;
            }

            List<int>? moved = null;
            var scopes = new RequestScope[parts.Count];
            var calls = new Task<CallEnd>[parts.Count];
            for (var i = 0; i < calls.Length; i++)
            {
                scopes[i] = scope.Fork();
                calls[i] = scopes[i].FinishAsync(core.AskAsync(scopes[i], keys[parts[i].Positions[0]], ask(parts[i])));
            }

            for (var i = 0; i < calls.Length; i++)
            {
                var end = await calls[i];
                if (end.Outcome is RangeOutcome.Moved && !scope.IsOver)
                {
                    (moved ??= []).AddRange(parts[i].Positions);
                    continue;
                }

                failed ??= end.Error;
                answered(parts[i], end);
            }

            scope.Join(scopes);
            open = moved?.ToArray() ?? [];
        }

        return failed;
    }

    private static List<KeyPart>? TryPart(GatewayCore core, IReadOnlyList<Key> keys, int[] positions)
    {
        var parts = new List<KeyPart>();
        Dictionary<RangeId, KeyPart>? byRange = null;
        foreach (var position in positions)
        {
            if (core.Router.Find(core.View, keys[position]) is not { } range)
            {
                return null;
            }

            var part = byRange is null ? Among(parts, range.Id) : byRange.GetValueOrDefault(range.Id);
            if (part is null)
            {
                parts.Add(part = new(range, []));
                byRange?.Add(range.Id, part);
                if (parts.Count == FewParts)
                {
                    byRange = parts.ToDictionary(static known => known.Range.Id);
                }
            }

            part.Positions.Add(position);
        }

        return parts;
    }

    private static KeyPart? Among(List<KeyPart> parts, RangeId range)
    {
        foreach (var part in parts)
        {
            if (part.Range.Id == range)
            {
                return part;
            }
        }

        return null;
    }
}
